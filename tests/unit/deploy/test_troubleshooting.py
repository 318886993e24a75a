import re

from schemas.gates import Gate
from tests.unit.deploy import messages
from tests.unit.deploy.files import ROOT

GUIDE = (ROOT / "docs/troubleshooting.md").read_text()
NAMED = set(re.findall(r"`(\w+)`", GUIDE))


def is_named(code: str) -> bool:
    """Whether the guide has it; a code that ends in an underscore begins several."""
    return code in NAMED or (code.endswith("_") and any(name.startswith(code) for name in NAMED))


def test_every_visible_error_code_is_explained() -> None:
    codes = messages.codes()

    assert len(codes) > 100
    assert {code: file for code, file in codes.items() if not is_named(code)} == {}


def test_every_sentence_without_a_code_is_explained() -> None:
    sentences = messages.sentences()

    assert len(sentences) > 20
    assert {text: file for text, file in sentences.items() if text not in GUIDE} == {}


def test_every_warning_event_is_explained() -> None:
    events = messages.warnings()

    assert len(events) > 20
    assert {event: file for event, file in events.items() if event not in NAMED} == {}


def test_every_gate_of_the_size_recommendation_is_explained() -> None:
    assert {gate.value for gate in Gate} <= NAMED
