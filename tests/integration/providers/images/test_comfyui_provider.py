from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from devtools.chaos.provider.as_comfyui import WORKFLOW
from providers.images.base import KEEP_WORK, ImageRequest
from providers.images.comfyui.provider import ComfyUIProvider
from providers.images.comfyui.settings import ComfyUISettings
from providers.images.config import ProviderConfig
from providers.images.privacy import PrivacyClass
from schemas.errors import Ambiguous, DarkroomError, Invalid, Transient
from tests.contracts.fake_provider import FakeProvider
from tests.contracts.image_provider import ImageProviderContract, jpeg
from tests.contracts.scripted_server import (
    ReceivedRequest,
    always,
    closed_port_url,
    cut_short,
    respond,
    run_server,
    send_60_mb,
)

REQUEST = ImageRequest(
    task_id="t1", owner_id="o1", prompt="a red scarf", inputs=(jpeg(), jpeg()), width=832, height=1216, deadline_s=20
)

#: Path of the emulated API; `provider` and `slow_provider` are made for it.
API_PATH = "/comfyui"


def make(url: str, workflow: Path = WORKFLOW) -> ComfyUIProvider:
    settings = ComfyUISettings(base_url=url, workflow=workflow)
    return ComfyUIProvider(ProviderConfig(mock_mode=True, settings=settings))


class TestComfyUIProvider(ImageProviderContract):
    pass


async def test_inputs_are_uploaded_and_the_workflow_is_filled(provider: ComfyUIProvider, fake: FakeProvider) -> None:
    image = await provider.generate(REQUEST)
    assert [call for call in fake.calls() if call[0] == "POST"] == [
        ("POST", "/comfyui/upload/image"), ("POST", "/comfyui/upload/image"), ("POST", "/comfyui/prompt")
    ]  # fmt: skip
    nodes = json.loads(fake.asked[2].body)["prompt"]
    assert nodes["1"] == {"class_type": "LoadImage", "inputs": {"image": "darkroom-t1-0-0.jpg"}}
    assert nodes["3"]["inputs"]["prompt"] == "a red scarf"
    assert nodes["3"]["inputs"]["image1"] == ["1", 0]
    assert isinstance(nodes["4"]["inputs"]["seed"], int)
    assert (image.model, image.cost_usd) == ("comfyui_workflow", 0)
    assert provider.capabilities.privacy.privacy_class is PrivacyClass.SELF_HOSTED


async def test_a_workflow_without_pictures_generates(fake: FakeProvider, tmp_path: Path) -> None:
    file = tmp_path / "words.json"
    file.write_text('{"1": {"class_type": "Text", "inputs": {"text": "$prompt", "w": "$width", "h": "$height"}}}')
    provider = make(f"{fake.url}/comfyui", file)
    assert (provider.capabilities.generate, provider.capabilities.edit) == (True, False)
    await provider.generate(REQUEST.model_copy(update={"inputs": ()}))
    assert json.loads(fake.asked[0].body)["prompt"]["1"]["inputs"] == {"text": "a red scarf", "w": 832, "h": 1216}
    await provider.aclose()


async def test_a_known_prompt_is_resumed(provider: ComfyUIProvider, fake: FakeProvider) -> None:
    told: list[str] = []

    async def on_started(work_id: str) -> None:
        told.append(work_id)

    await provider.generate(REQUEST, on_started=on_started)
    await provider.generate(REQUEST, resume=told[0])
    assert fake.paid("comfyui") == 1


@pytest.mark.parametrize(("message", "cancelled"), [("", True), (KEEP_WORK, False)])
@pytest.mark.parametrize("earlier", [0, 1], ids=["running", "pending"])
async def test_a_cancelled_call_cancels_the_prompt_unless_another_worker_goes_on(
    slow_provider: ComfyUIProvider, message: str, cancelled: bool, earlier: int
) -> None:
    before = [asyncio.ensure_future(slow_provider.generate(REQUEST)) for _ in range(earlier)]
    await asyncio.wait(before or [asyncio.ensure_future(asyncio.sleep(0))], timeout=0.3)
    started = asyncio.Event()
    ids: list[str] = []

    async def on_started(work_id: str) -> None:
        ids.append(work_id)
        started.set()

    call = asyncio.ensure_future(slow_provider.generate(REQUEST, on_started=on_started))
    await started.wait()
    await asyncio.sleep(0)
    call.cancel(message)
    with pytest.raises(asyncio.CancelledError):
        await call
    work = await slow_provider._read(ids[0], 5)
    assert work.running is not cancelled
    for each in before:
        each.cancel(KEEP_WORK)
    await asyncio.gather(*before, return_exceptions=True)


@pytest.mark.parametrize(
    ("share", "kind", "code"),
    [
        ("moderation", Transient, "prediction_failed"),
        ("server_error", Transient, "server_error"),
        ("empty", Ambiguous, "no_picture"),
        ("reply_lost", Ambiguous, "cut_off"),
    ],
)
async def test_the_fake_s_faults_are_typed_errors(
    provider: ComfyUIProvider, fake: FakeProvider, share: str, kind: type[DarkroomError], code: str
) -> None:
    fake.behave(**{share: 1})
    with pytest.raises(DarkroomError) as raised:
        await provider.generate(REQUEST)
    assert (type(raised.value), raised.value.error_code) == (kind, code)


async def test_a_prompt_that_a_restart_has_lost_is_made_again(provider: ComfyUIProvider) -> None:
    with pytest.raises(Transient) as raised:
        await provider.generate(REQUEST, resume="lost")
    assert (type(raised.value), raised.value.error_code) == (Transient, "prediction_failed")


ID = "7fbc3a6e"


def ended(view: Any, **item: Any) -> Any:
    async def handler(asked: ReceivedRequest, writer: asyncio.StreamWriter) -> None:
        if asked.path.startswith("/view"):
            await view(asked, writer)
        else:
            respond(writer, 200, {ID: item})

    return handler


SAVED = {"5": {"images": [{"filename": "x.png"}]}}
FAULTS: list[tuple[str, Any, type[DarkroomError], str]] = [
    ("no picture", ended(always(200, b"SECRET"), outputs=SAVED), Ambiguous, "bad_picture"),
    ("file gone", ended(always(404), outputs=SAVED), Invalid, "provider_refused"),
    ("failed", ended(always(200), status={"status_str": "error"}), Transient, "prediction_failed"),
    ("403", always(403, b"SECRET"), Invalid, "provider_refused"),
]


@pytest.mark.parametrize(("handler", "kind", "code"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
async def test_a_bad_end_is_a_typed_error(handler: Any, kind: type[DarkroomError], code: str) -> None:
    async with run_server(handler) as end:
        provider = make(end.url)
        with pytest.raises(DarkroomError) as raised:
            await provider.generate(REQUEST, resume=ID)
        assert (type(raised.value), raised.value.error_code) == (kind, code)
        assert "SECRET" not in f"{raised.value} {raised.value.details} {raised.value.public_message}"
        await provider.aclose()


@pytest.mark.parametrize(
    ("handler", "kind", "code"),
    [
        (always(400, {"error": {"message": "SECRET"}}), Invalid, "request_refused"),
        (always(200, b"SECRET"), Ambiguous, "no_picture"),
        (cut_short, Ambiguous, "cut_off"),
        (send_60_mb, Ambiguous, "answer_too_large"),
    ],
    ids=["400", "no JSON", "cut", "60 MB"],
)
async def test_a_fault_at_the_start_is_one_typed_error_after_one_call(
    handler: Any, kind: type[DarkroomError], code: str
) -> None:
    async with run_server(handler) as end:
        provider = make(end.url)
        with pytest.raises(DarkroomError) as raised:
            await provider.generate(REQUEST)
        assert (type(raised.value), raised.value.error_code) == (kind, code)
        assert len(end.requests) == 1
        await provider.aclose()


async def test_an_address_nobody_listens_on_is_unreachable() -> None:
    provider = make(await closed_port_url())
    with pytest.raises(Transient) as raised:
        await provider.generate(REQUEST)
    assert raised.value.error_code == "unreachable"
    await provider.aclose()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "can't be read"),
        ("{", "Export"),
        ('{"nodes": [], "links": []}', "Export"),
        ('{"1": {"class_type": "LoadImage", "inputs": {"image": "$image2"}}}', "gaps"),
    ],
)
def test_a_workflow_that_can_t_be_used_is_refused(tmp_path: Path, text: str | None, why: str) -> None:
    file = tmp_path / "w.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(Invalid, match=why):
        make("http://x", file)


def test_it_needs_an_address_and_a_workflow() -> None:
    with pytest.raises(Invalid) as raised:
        ComfyUIProvider(ProviderConfig(mock_mode=False, settings=ComfyUISettings()))
    assert raised.value.error_code == "provider_refused"
