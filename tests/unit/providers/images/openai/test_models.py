from __future__ import annotations

import pytest

from providers.images.openai.models import check_options, parse_size, rules_of, undated
from schemas.errors import Invalid

OLD = ("gpt-image-1", "gpt-image-1-mini", "gpt-image-1.5", "gpt-image-1.5-2025-12-16", "chatgpt-image-latest")
NEW = ("gpt-image-2", "gpt-image-2-2026-04-21", "gpt-image-2.5-flare", "gpt-image-2.6-sunburst", "gpt-image-3")


@pytest.mark.parametrize("model", OLD)
def test_models_before_2_support_three_sizes_in_three_qualities(model: str) -> None:
    rules = rules_of(model)
    assert rules.sizes == {"1024x1024", "1024x1536", "1536x1024"}
    assert rules.qualities == ("low", "medium", "high", "auto")
    assert not rules.complexity


@pytest.mark.parametrize("model", NEW)
def test_models_from_2_on_support_free_sizes_but_no_input_fidelity(model: str) -> None:
    rules = rules_of(model)
    assert (rules.sizes, rules.input_fidelity) == (frozenset(), False)
    assert rules.size_rule
    assert rules.size_rule.allows(1024, 1536)


@pytest.mark.parametrize(
    ("model", "fidelity"),
    [("gpt-image-1", True), ("gpt-image-1.5", True), ("gpt-image-1-mini", False), ("chatgpt-image-latest", False)],
)
def test_input_fidelity_is_a_parameter_of_1_and_1_5_only(model: str, *, fidelity: bool) -> None:
    assert rules_of(model).input_fidelity is fidelity


@pytest.mark.parametrize(
    ("model", "more", "complexity"),
    [
        ("gpt-image-2", False, False),
        ("gpt-image-2.5-flare", True, False),
        ("gpt-image-2.5-sunburst-2026-09-08", True, False),
        ("gpt-image-2.6-flare", True, True),
        ("gpt-image-3-flare", True, True),
    ],
)
def test_model_2_5_adds_qualities_and_2_6_adds_complexity(model: str, *, more: bool, complexity: bool) -> None:
    rules = rules_of(model)
    assert {"xhigh", "max"}.issubset(rules.qualities) is more
    assert rules.complexity is complexity


@pytest.mark.parametrize(
    ("size", "allowed"),
    [
        ((1024, 1536), True),
        ((3840, 2160), True),
        ((2160, 3840), True),
        ((1440, 480), True),
        ((1456, 464), False),  # a ratio of more than 3
        ((1024, 1530), False),  # no multiple of 16
        ((3856, 2144), False),  # too long
        ((3840, 2176), False),  # too many pixels
        ((800, 800), False),  # too few pixels
    ],
)
def test_a_free_size_is_compared_with_the_rule(size: tuple[int, int], *, allowed: bool) -> None:
    rule = rules_of("gpt-image-2.6-flare").size_rule
    assert rule
    assert rule.allows(*size) is allowed


@pytest.mark.parametrize(
    ("model", "options", "named"),
    [
        ("gpt-image-2", {"quality": "xhigh"}, "OPENAI_QUALITY"),
        ("gpt-image-2.6-flare", {"quality": "ultra"}, "OPENAI_QUALITY"),
        ("gpt-image-2.5-flare", {"complexity": "low"}, "OPENAI_COMPLEXITY"),
        ("gpt-image-2.6-flare", {"complexity": "max"}, "OPENAI_COMPLEXITY"),
        ("gpt-image-1.5", {"size": (2048, 2048)}, "OPENAI_SIZE"),
        ("gpt-image-2", {"size": (1000, 1000)}, "OPENAI_SIZE"),
    ],
)
def test_the_error_of_an_unsupported_setting_names_it(model: str, options: dict[str, object], named: str) -> None:
    given: dict[str, object] = {"quality": None, "complexity": None, "size": None} | options
    with pytest.raises(Invalid, match=named) as raised:
        check_options(model, **given)  # type: ignore[arg-type]
    assert raised.value.error_code == "provider_options"
    assert model in str(raised.value) or "choose one of" in str(raised.value)


def test_options_of_unknown_models_are_not_checked() -> None:
    check_options("my-proxy-alias", quality="ultra", complexity="high", size=(100, 100))


def test_a_size_is_written_as_width_x_height() -> None:
    assert parse_size("2048x1152") == (2048, 1152)
    for text in ("2048", "2048*1152", "x", "axb", "1024x", "100000x1024"):
        with pytest.raises(Invalid):
            parse_size(text)


def test_a_snapshot_is_priced_as_its_model() -> None:
    assert undated("gpt-image-2.5-flare-2026-09-08") == "gpt-image-2.5-flare"
    assert undated("gpt-image-1-mini") == "gpt-image-1-mini"
