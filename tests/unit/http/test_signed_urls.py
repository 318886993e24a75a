from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from api.problems import Problem
from api.signed_urls import LIFETIME_S, EventUrls
from providers.signing import LinkRefused
from providers.storage.local import LocalStorage

KEY = b"key"


def parameters(url: str) -> tuple[str, str]:
    query = parse_qs(urlsplit(url).query)
    return query["expires"][0], query["signature"][0]


def test_the_url_of_a_tasks_events_is_valid_for_an_hour() -> None:
    urls = EventUrls(KEY)
    url = urls.events_path("t1")
    expires, signature = parameters(url)
    assert urlsplit(url).path == "/tasks/t1/events"
    assert 0 < int(expires) - time.time() <= LIFETIME_S
    urls.verify("t1", expires, signature)


def test_no_part_of_an_events_url_can_be_changed() -> None:
    urls = EventUrls(KEY)
    expires, signature = parameters(urls.events_path("t1"))
    forged = [("t2", expires, signature), ("t1", expires + "0", signature), ("t1", expires, "é"), ("t1", "", "")]
    for task_id, at, signed in forged:
        with pytest.raises(Problem, match="link_invalid"):
            urls.verify(task_id, at, signed)
    with pytest.raises(Problem, match="link_invalid"):
        EventUrls(b"other").verify("t1", expires, signature)


def test_an_events_url_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    urls = EventUrls(KEY)
    expires, signature = parameters(urls.events_path("t1"))
    monkeypatch.setattr(time, "time", lambda: int(expires))
    with pytest.raises(Problem, match="link_expired"):
        urls.verify("t1", expires, signature)


async def test_the_signature_of_an_events_url_is_invalid_for_files(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path, KEY, "http://x")
    await storage.put("events", "t1", b"private")
    expires, signature = parameters(EventUrls(KEY).events_path("t1"))
    with pytest.raises(LinkRefused) as refused:
        storage.open_signed("events", "t1", expires, signature, now=time.time())
    assert refused.value.error_code == "link_invalid"


async def test_the_signature_of_a_file_is_invalid_for_events(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path, KEY, "http://x")
    await storage.put("events", "t1", b"x")
    expires, signature = parameters(await storage.signed_url("events", "t1", lifetime_s=60))
    with pytest.raises(Problem, match="link_invalid"):
        EventUrls(KEY).verify("t1", expires, signature)
