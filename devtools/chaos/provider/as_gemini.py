"""Gemini's `generateContent`: pictures in base64, refusals with status 200 (ai.google.dev/api/generate-content)."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import orjson

from devtools.chaos.provider.as_openai import FOREVER_S
from devtools.chaos.provider.behaviour import Fate
from devtools.chaos.provider.call_log import CallLog
from devtools.chaos.provider.kinds import Kind
from devtools.chaos.provider.picture import picture
from devtools.chaos.provider.wire import HangUp, WireRequest, WireResponse, json

USAGE = {"promptTokenCount": 1500, "candidatesTokenCount": 1120, "totalTokenCount": 2620}
QUOTA = {
    "@type": "type.googleapis.com/google.rpc.RetryInfo",
    "retryDelay": "1s",
}


class GeminiModels:
    """`POST /v1beta/models/{model}:generateContent`. A call has no id: a lost response can't be fetched again."""

    def __init__(self, call_log: CallLog) -> None:
        """Record calls in `call_log`."""
        self._call_log = call_log

    async def answer(self, asked: WireRequest, path: tuple[str, ...]) -> WireResponse:
        """Answer a request whose path is `path`.

        Raises:
            HangUp: The response is to be lost.
        """
        if asked.method != "POST" or not path[-1].endswith(":generateContent"):
            return _problem(404, "NOT_FOUND")
        if "x-goog-api-key" not in asked.headers:
            return _problem(403, "PERMISSION_DENIED")
        call = self._call_log.open(Kind.GEMINI, _prompt(asked))
        match call.fate:
            case Fate.RATE_LIMIT:
                return _problem(429, "RESOURCE_EXHAUSTED", QUOTA)
            case Fate.SERVER_ERROR:
                return _problem(500, "INTERNAL")
            case Fate.MODERATION:
                return json(200, {"candidates": [{"finishReason": "IMAGE_SAFETY", "index": 0}], "usageMetadata": USAGE})
            case Fate.HANG:
                await asyncio.sleep(FOREVER_S)
        await asyncio.sleep(call.seconds)
        if call.fate is Fate.REPLY_LOST:
            raise HangUp
        data = base64.b64encode(picture(call.task)).decode()
        parts = [] if call.fate is Fate.EMPTY else [{"inlineData": {"mimeType": "image/jpeg", "data": data}}]
        candidate = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
        return json(200, {"candidates": [candidate], "usageMetadata": USAGE, "modelVersion": "emulated"})


def _prompt(asked: WireRequest) -> str:
    contents = orjson.loads(asked.body)["contents"]
    return " ".join(part.get("text", "") for content in contents for part in content["parts"])


def _problem(status: int, name: str, *details: dict[str, Any]) -> WireResponse:
    error = {"code": status, "message": "The request failed.", "status": name, "details": list(details)}
    return json(status, {"error": error})
