from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.commands.conftest import Cli

HOOK = "https://shop.example/hook"


def test_the_secret_is_printed_when_a_webhook_is_set_but_not_when_it_is_shown(cli: Cli) -> None:
    code, data = cli("webhook", "set", "shop-1", HOOK)
    assert code == 0
    assert data["secret"].startswith("whsec_")
    code, shown = cli("webhook", "show", "shop-1")
    assert (code, shown["url"], shown["version"]) == (0, HOOK, 1)
    assert "secret" not in shown


def test_rotation_changes_the_secret_and_setting_the_url_again_does_not(cli: Cli) -> None:
    _, first = cli("webhook", "set", "shop-2", HOOK)
    _, second = cli("webhook", "rotate", "shop-2")
    _, third = cli("webhook", "set", "shop-2", f"{HOOK}/2")
    assert first["secret"] != second["secret"] == third["secret"]
    assert second["version"] == 2


def test_a_dropped_webhook_no_longer_exists(cli: Cli) -> None:
    cli("webhook", "set", "shop-3", HOOK)
    assert cli("webhook", "drop", "shop-3")[0] == 0
    for word in ("show", "rotate"):
        assert cli("webhook", word, "shop-3") == (1, {"error": "shop-3 has no webhook."})


def test_a_plain_http_url_is_refused_unless_networks_are_allowed(cli: Cli) -> None:
    code, data = cli("webhook", "set", "shop-4", "http://shop.example/hook")
    assert code == 1
    assert "https" in data["error"]


def test_an_invalid_url_is_refused(cli: Cli) -> None:
    assert cli("webhook", "set", "shop-5", "ftp://shop.example")[0] == 1
    assert cli("webhook", "show", "shop-5")[0] == 1
