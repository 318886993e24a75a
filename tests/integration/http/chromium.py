"""A real browser for tests: Debian's Chromium, headless, driven over its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import shutil
import subprocess
import time
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from websockets.asyncio.client import connect

if TYPE_CHECKING:
    from types import TracebackType

PATIENCE_S = 20.0
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--remote-debugging-port=0",
)


def executable() -> str | None:
    """Where Chromium is installed, if it is."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Chromium:
    """One browser with one page; its profile is new and in `profile`.

    Attributes:
        console: What the page wrote to the console as an error, and its uncaught exceptions.
        requested: The addresses that the page asked for.
    """

    def __init__(self, profile: Path) -> None:
        self._profile = profile
        self._numbers = count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self.console: list[str] = []
        self.requested: list[str] = []

    async def __aenter__(self) -> Self:
        command = [executable() or "chromium", *FLAGS, f"--user-data-dir={self._profile}", "about:blank"]
        self._process = await asyncio.create_subprocess_exec(
            *command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        port = await self._port()
        address = await self._page(port)
        self._socket = await connect(address, max_size=None)
        self._reader = asyncio.create_task(self._read())
        for domain in ("Page", "Runtime", "Network", "Log", "DOM"):
            await self.call(f"{domain}.enable")
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        with contextlib.suppress(Exception):  # it may have ended by itself
            await asyncio.wait_for(self.call("Browser.close"), 5)
        await self._socket.close()
        self._reader.cancel()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), 5)
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def call(self, method: str, **parameters: Any) -> Any:
        """One command of the DevTools protocol, and its result."""
        number = next(self._numbers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        return await asyncio.wait_for(self._answers[number], PATIENCE_S)

    async def open(self, url: str) -> None:
        """Go there, and wait until the page is loaded."""
        await self.call("Page.navigate", url=url)
        await self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is awaited."""
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def until(self, condition: str) -> None:
        """Wait until a JavaScript expression is true, checked with each frame that the page draws."""
        waiting = (
            f"new Promise(done => {{ const look = () => ({condition}) ? done(true) : setTimeout(look, 16); look() }})"
        )
        await self.evaluate(waiting)

    async def press(self, key: str, *, text: str = "") -> None:
        """Press and release a key, as a person does."""
        codes = {"Tab": 9, "Enter": 13, " ": 32, "ArrowLeft": 37, "ArrowRight": 39}
        code = codes.get(key, ord(key[0].upper()))
        typed = text or {"Enter": "\r", " ": " "}.get(key, "")
        event = {"key": key, "windowsVirtualKeyCode": code, **({"text": typed} if typed else {})}
        await self.call("Input.dispatchKeyEvent", type="keyDown", **event)
        await self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    async def type(self, text: str) -> None:
        """Type into what has the focus."""
        for letter in text:
            await self.press(letter, text=letter)

    async def choose_file(self, selector: str, path: Path) -> None:
        """Choose a file, as in the dialog of a file field."""
        root = await self.call("DOM.getDocument")
        node = await self.call("DOM.querySelector", nodeId=root["root"]["nodeId"], selector=selector)
        await self.call("DOM.setFileInputFiles", nodeId=node["nodeId"], files=[str(path)])

    async def look(self, width: int, height: int, *, dark: bool = False, phone: bool = False) -> None:
        """Make the window that large, in CSS pixels; a phone has touch and two device pixels for each."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, mobile=phone, deviceScaleFactor=2
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        await self.call("Emulation.setEmulatedMedia", features=[scheme, still])

    async def screenshot(self, path: Path) -> None:
        """Write the whole page as a PNG."""
        answer = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        await asyncio.to_thread(path.write_bytes, base64.b64decode(answer["data"]))

    async def _port(self) -> int:
        """Chromium writes the port that it listens on into its profile once it does."""
        note = self._profile / "DevToolsActivePort"
        deadline = time.monotonic() + PATIENCE_S
        while not (note.exists() and note.read_text().count("\n")):
            assert self._process.returncode is None, "Chromium ended"
            assert time.monotonic() < deadline, "Chromium did not start"
            await asyncio.sleep(0.05)
        return int(note.read_text().splitlines()[0])

    async def _page(self, port: int) -> str:
        browser = (self._profile / "DevToolsActivePort").read_text().splitlines()[1]
        async with connect(f"ws://127.0.0.1:{port}{browser}", max_size=None) as socket:
            await socket.send(json.dumps({"id": 1, "method": "Target.getTargets"}))
            targets = json.loads(await socket.recv())["result"]["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        return f"ws://127.0.0.1:{port}/devtools/page/{page}"

    async def _read(self) -> None:
        async for message in self._socket:
            event = json.loads(message)
            if "id" in event:
                self._answer(event)
            else:
                self._note(event["method"], event["params"])

    def _answer(self, event: Any) -> None:
        future = self._answers.pop(event["id"])
        if future.done():
            return
        if "error" in event:
            future.set_exception(RuntimeError(event["error"]["message"]))
        else:
            future.set_result(event["result"])

    def _note(self, method: str, parameters: Any) -> None:
        if method == "Network.requestWillBeSent":
            self.requested.append(parameters["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.console.append(parameters["exceptionDetails"].get("text", "") + json.dumps(parameters)[:500])
        elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.console.append(parameters["entry"]["text"])
