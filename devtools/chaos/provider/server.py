"""Route requests to the wire formats, and serve the administration paths."""

from __future__ import annotations

import asyncio

from devtools.chaos.provider.as_comfyui import ComfyUIServer
from devtools.chaos.provider.as_fal import FalRequests
from devtools.chaos.provider.as_fashn import FashnPredictions
from devtools.chaos.provider.as_gemini import GeminiModels
from devtools.chaos.provider.as_openai import OpenAIImages
from devtools.chaos.provider.as_replicate import ReplicatePredictions
from devtools.chaos.provider.behaviour import Behaviour
from devtools.chaos.provider.call_log import CallLog
from devtools.chaos.provider.wire import MAX_HEAD_BYTES, WireRequest, WireResponse, converse, json


class Server:
    """The provider, with `PUT /admin/behaviour` and `GET /admin/calls` for `CountingProvider`."""

    def __init__(self, seed: int) -> None:
        """Draw the results of calls with `seed`."""
        self.call_log = CallLog(seed)
        self._openai = OpenAIImages(self.call_log)
        self._replicate = ReplicatePredictions(self.call_log)
        self._fal = FalRequests(self.call_log)
        self._fashn = FashnPredictions(self.call_log)
        self._gemini = GeminiModels(self.call_log)
        self._comfyui = ComfyUIServer(self.call_log)

    async def serve(self, port: int) -> None:
        """Answer on the loopback interface until cancelled."""
        server = await asyncio.start_server(
            lambda reader, writer: converse(reader, writer, self.answer), "127.0.0.1", port, limit=MAX_HEAD_BYTES
        )
        async with server:
            await server.serve_forever()

    async def answer(self, asked: WireRequest) -> WireResponse:
        """Answer a request."""
        match (asked.method, *asked.path):
            case ("POST", "v1", "images", ("edits" | "generations") as operation):
                return await self._openai.answer(asked, operation)
            case ("POST", "v1", "models", _, _, "predictions") | ("POST", "v1", "predictions"):
                return await self._replicate.create(asked)
            case (_, "gemini", *path) if path:
                return await self._gemini.answer(asked, tuple(path))
            case _:
                return self._answer_immediately(asked)

    def _answer_immediately(self, asked: WireRequest) -> WireResponse:  # noqa: PLR0911  one for each call
        queues: dict[str, FalRequests | FashnPredictions | ComfyUIServer] = {
            "fal": self._fal,
            "fashn": self._fashn,
            "comfyui": self._comfyui,
        }
        queue, *path = asked.path
        if queue in queues and path:
            return queues[queue].answer(asked, tuple(path))
        match (asked.method, *asked.path):
            case ("GET", "v1", "predictions", prediction_id):
                return self._replicate.read(asked, prediction_id)
            case ("POST", "v1", "predictions", prediction_id, "cancel"):
                return self._replicate.cancel(asked, prediction_id)
            case ("GET", "files", name):
                return self._replicate.file(name)
            case ("GET", "v1", "models", *model):
                return self._describe_model(asked, model)
            case (_, "admin", *_):
                return self._answer_admin(asked)
            case _:
                return json(404, {"detail": "Not found"})

    def _describe_model(self, asked: WireRequest, model: list[str]) -> WireResponse:
        match model:
            case [name]:
                return self._openai.model(asked, name)
            case [owner, name]:
                return self._replicate.model(asked, owner, name)
            case _:
                return json(404, {"detail": "Not found"})

    def _answer_admin(self, asked: WireRequest) -> WireResponse:
        match (asked.method, *asked.path):
            case ("GET", _, "calls"):
                return json(200, self.call_log.report())
            case ("PUT", _, "behaviour"):
                self.call_log.behaviour = Behaviour.model_validate_json(asked.body)
                return json(200, self.call_log.behaviour.model_dump())
            case _:
                return json(404, {"detail": "Not found"})
