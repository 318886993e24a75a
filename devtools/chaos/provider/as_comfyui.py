"""ComfyUI: upload, queue, history, view and interrupt (docs.comfy.org/development/comfyui-server/comms_routes)."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import orjson

from devtools.chaos.provider.behaviour import Fate
from devtools.chaos.provider.call_log import CallLog
from devtools.chaos.provider.kinds import Kind
from devtools.chaos.provider.picture import picture
from devtools.chaos.provider.wire import HangUp, WireRequest, WireResponse, json
from devtools.chaos.provider.work import EmulatedWork
from devtools.supabase_emulator.multipart import parts

#: A workflow for it, with every placeholder of a try-on.
WORKFLOW = Path(__file__).with_name("comfyui_workflow.json")


class ComfyUIServer:
    """`/upload/image`, `/prompt`, `/history/{id}`, `/queue`, `/view` and `/interrupt`."""

    def __init__(self, call_log: CallLog) -> None:
        """Record prompts in `call_log`."""
        self._call_log = call_log
        self._prompts: dict[str, EmulatedWork] = {}
        self._uploaded: set[str] = set()

    def answer(self, asked: WireRequest, path: tuple[str, ...]) -> WireResponse:  # noqa: PLR0911  one for each call
        """Answer a request whose path is `path`.

        Raises:
            HangUp: The response is to be lost, and the id with it.
        """
        match (asked.method, *path):
            case ("POST", "upload", "image"):
                return self._upload(asked)
            case ("POST", "prompt"):
                return self._queue_prompt(asked)
            case ("GET", "history", prompt_id):
                return self._history(prompt_id)
            case ("GET", "queue"):
                running = [[number, each.id, {}] for number, each in enumerate(self._prompts.values()) if each.running]
                return json(200, {"queue_running": running[:1], "queue_pending": running[1:]})
            case ("POST", "queue"):
                return self._cancel(orjson.loads(asked.body).get("delete", []))
            case ("POST", "interrupt"):
                return self._cancel([orjson.loads(asked.body).get("prompt_id")])
            case ("GET", "view"):
                return self._view(asked)
            case _:
                return json(404, {"error": "Not found"})

    def _upload(self, asked: WireRequest) -> WireResponse:
        disposition = asked.body.partition(b'filename="')[2].partition(b'"')[0].decode()
        if "image" not in parts(asked.headers.get("content-type", ""), asked.body):
            return json(400, {})
        self._uploaded.add(disposition)
        return json(200, {"name": disposition, "subfolder": "", "type": "input"})

    def _queue_prompt(self, asked: WireRequest) -> WireResponse:
        nodes: dict[str, Any] = orjson.loads(asked.body)["prompt"]
        loaded = {node["inputs"]["image"] for node in nodes.values() if node["class_type"] == "LoadImage"}
        if not loaded <= self._uploaded:
            error = {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed validation"}
            return json(400, {"error": error, "node_errors": {}})
        call = self._call_log.open(Kind.COMFYUI, orjson.dumps(nodes).decode())
        if call.fate in {Fate.RATE_LIMIT, Fate.SERVER_ERROR}:
            return json(500, {"error": "Internal server error"})
        prompt = EmulatedWork(call)
        self._prompts[prompt.id] = prompt
        if call.fate is Fate.REPLY_LOST:
            raise HangUp
        return json(200, {"prompt_id": prompt.id, "number": len(self._prompts), "node_errors": {}})

    def _history(self, prompt_id: str) -> WireResponse:
        prompt = self._prompts.get(prompt_id)
        if prompt is None or prompt.running:
            return json(200, {})
        failed = prompt.cancelled or prompt.call.fate is Fate.MODERATION
        status: dict[str, Any] = {
            "status_str": "error" if failed else "success",
            "completed": not failed,
            "messages": [],
        }
        preview = {"filename": "preview.png", "subfolder": "", "type": "temp"}
        saved = {"filename": f"{prompt_id}.png", "subfolder": "", "type": "output"}
        images = [preview] if prompt.call.fate is Fate.EMPTY else [preview, saved]
        outputs = {} if failed else {"5": {"images": images}}
        return json(200, {prompt_id: {"prompt": [], "status": status, "outputs": outputs}})

    def _cancel(self, prompt_ids: list[str]) -> WireResponse:
        for prompt in (self._prompts[each] for each in prompt_ids if each in self._prompts):
            if prompt.running:
                prompt.cancelled = True
                self._call_log.cancel(Kind.COMFYUI, prompt.call)
        return json(200, {})

    def _view(self, asked: WireRequest) -> WireResponse:
        name = parse_qs(asked.query).get("filename", [""])[0]
        prompt = self._prompts.get(name.removesuffix(".png"))
        if prompt is None:
            return json(404, {})
        return WireResponse(200, picture(prompt.call.task), "image/jpeg")
