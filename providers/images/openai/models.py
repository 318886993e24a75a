"""What each generation of OpenAI's image models accepts.

| generation | sizes | `quality` | `input_fidelity` | `complexity` |
|---|---|---|---|---|
| 1, 1.5 and their aliases | three | low, medium, high | yes, except mini and `chatgpt-image-latest` | no |
| 2 | free | low, medium, high | no: always high | no |
| 2.5 | free | and xhigh, max | no | no |
| 2.6 and later | free | and xhigh, max | no | low, medium, high |

Every generation also accepts the quality `auto`, and up to 16 inputs per edit. A model whose name is not of this form,
such as an alias of a proxy, is sent every setting unchecked.

Source: https://developers.openai.com/api/reference/resources/images, read on 2026-11-25.
"""

from __future__ import annotations

import re

from providers.images.base import SizeRule
from schemas.common import Frozen
from schemas.errors import Invalid

MAX_INPUTS = 16
COMPLEXITIES = ("low", "medium", "high")
_NAME = re.compile(r"gpt-image-(?P<major>\d+)(?:\.(?P<minor>\d+))?(?:-(?P<variant>[a-z]+))?")
_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$")
#: Alias of a 1.5 model that, like the variant mini, does not take every parameter.
_ALIASES = {"chatgpt-image-latest": "gpt-image-1.5-chatgpt"}
_FIXED_SIZES = frozenset({"1024x1024", "1024x1536", "1536x1024"})
_FREE_SIZES = SizeRule(step=16, longest=3840, ratio=3, min_pixels=655_360, max_pixels=8_294_400)
_QUALITIES = ("low", "medium", "high", "auto")
_MORE_QUALITIES = ("low", "medium", "high", "xhigh", "max", "auto")


class ModelRules(Frozen):
    """Parameters that a model accepts.

    Attributes:
        qualities: Accepted values of `quality`; empty if unknown.
        sizes: Accepted sizes as `WxH`; empty if sizes are free.
        size_rule: Constraints on free sizes; None if unknown.
        input_fidelity: Whether the parameter may be sent with an edit.
        complexity: Whether the parameter may be sent.
    """

    qualities: tuple[str, ...] = ()
    sizes: frozenset[str] = frozenset()
    size_rule: SizeRule | None = None
    input_fidelity: bool = False
    complexity: bool = True


def undated(model: str) -> str:
    """Return the model's name without its snapshot date."""
    return _SNAPSHOT.sub("", model)


def rules_of(model: str) -> ModelRules:
    """Return the rules of the model's generation."""
    name = undated(model)
    found = _NAME.fullmatch(_ALIASES.get(name, name))
    if found is None:
        return ModelRules()
    generation = (int(found["major"]), int(found["minor"] or 0))
    if generation < (2, 0):
        return ModelRules(
            qualities=_QUALITIES, sizes=_FIXED_SIZES, input_fidelity=found["variant"] is None, complexity=False
        )
    return ModelRules(
        qualities=_MORE_QUALITIES if generation >= (2, 5) else _QUALITIES,
        size_rule=_FREE_SIZES,
        complexity=generation >= (2, 6),
    )


def check_options(model: str, *, quality: str | None, complexity: str | None, size: tuple[int, int] | None) -> None:
    """Check the settings against the model's rules.

    Raises:
        Invalid: A setting has a value that the model refuses; the message names the setting and the remedy.
    """
    rules = rules_of(model)
    if quality and rules.qualities and quality not in rules.qualities:
        choices = ", ".join(rules.qualities)
        raise _refused(f"OPENAI_QUALITY is {quality!r}; {model} accepts {choices}")
    if complexity and not rules.complexity:
        raise _refused(f"OPENAI_COMPLEXITY is set; {model} has no such parameter, gpt-image-2.6 and later have")
    if complexity and complexity not in COMPLEXITIES:
        raise _refused(f"OPENAI_COMPLEXITY is {complexity!r}; choose one of {', '.join(COMPLEXITIES)}")
    if size and rules.sizes and f"{size[0]}x{size[1]}" not in rules.sizes:
        raise _refused(
            f"OPENAI_SIZE is {size[0]}x{size[1]}; {model} makes {', '.join(sorted(rules.sizes))}, "
            f"gpt-image-2 and later make any size"
        )
    if size and rules.size_rule and not rules.size_rule.allows(*size):
        raise _refused(f"OPENAI_SIZE is {size[0]}x{size[1]}; {model} needs {rules.size_rule}")


def parse_size(text: str) -> tuple[int, int]:
    """Return width and height of a size written `WxH`.

    Raises:
        Invalid: The text has another form.
    """
    found = re.fullmatch(r"(\d{2,5})x(\d{2,5})", text)
    if found is None:
        raise _refused(f"OPENAI_SIZE is {text!r}; write it as WIDTHxHEIGHT, such as 1024x1536")
    return int(found[1]), int(found[2])


def _refused(message: str) -> Invalid:
    return Invalid(message, code="provider_options")
