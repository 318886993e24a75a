from __future__ import annotations

import json

import pytest

from commands.outcome import CommandError, CommandOutcome, report
from schemas.errors import Unavailable


def test_json_is_one_object_on_the_last_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(lambda: CommandOutcome({"a": 1}, "seen"), as_json=True) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"a": 1}


def test_without_json_the_view_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(lambda: CommandOutcome({"a": 1}, "seen"), as_json=False) == 0
    assert capsys.readouterr().out.strip() == "seen"


def test_an_outcome_that_is_not_ok_is_exit_code_1() -> None:
    assert report(lambda: CommandOutcome({}, "", ok=False), as_json=True) == 1


@pytest.mark.parametrize("error", [CommandError("No such thing."), Unavailable("No such thing.")])
@pytest.mark.parametrize("as_json", [True, False])
def test_an_expected_error_is_a_message_and_exit_code_1(
    capsys: pytest.CaptureFixture[str], error: Exception, *, as_json: bool
) -> None:
    def fail() -> CommandOutcome:
        raise error

    assert report(fail, as_json=as_json) == 1
    out, err = capsys.readouterr()
    assert err == "No such thing.\n"
    assert (json.loads(out) if as_json else out) == ({"error": "No such thing."} if as_json else "")


def test_an_unexpected_error_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        report(lambda: CommandOutcome({"a": 1 // 0}, ""), as_json=True)
