"""OpenAI's Images API: edits as multipart, generations as JSON, pictures in base64.

See developers.openai.com/api/reference.
"""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import orjson

from devtools.chaos.provider.behaviour import Fate
from devtools.chaos.provider.call_log import CallLog
from devtools.chaos.provider.kinds import Kind
from devtools.chaos.provider.picture import picture
from devtools.chaos.provider.wire import HangUp, WireRequest, WireResponse, json
from devtools.supabase_emulator.multipart import parts

#: Delay of a call that hangs, longer than any client's timeout, seconds.
FOREVER_S = 3600.0
#: Typical token counts of an edit in medium quality.
USAGE = {
    "input_tokens": 700,
    "output_tokens": 1584,
    "total_tokens": 2284,
    "input_tokens_details": {"image_tokens": 640, "text_tokens": 60},
    "output_tokens_details": {"image_tokens": 1584, "text_tokens": 0},
}


class OpenAIImages:
    """`POST /v1/images/edits` and `/v1/images/generations`, `GET /v1/models/{id}`.

    Calls have no id, so a lost response can't be fetched again.
    """

    def __init__(self, call_log: CallLog) -> None:
        """Record calls in `call_log`."""
        self._call_log = call_log

    def model(self, asked: WireRequest, name: str) -> WireResponse:
        """Describe a model; every model exists and has no shutdown date."""
        if "authorization" not in asked.headers:
            return _refusal(401, "invalid_api_key", "invalid_request_error")
        return json(200, {"id": name, "object": "model", "created": 0, "owned_by": "system", "shutdown_date": None})

    async def answer(self, asked: WireRequest, operation: str) -> WireResponse:
        """Answer a call for a picture.

        Raises:
            HangUp: The response is to be lost.
        """
        if "authorization" not in asked.headers:
            return _refusal(401, "invalid_api_key", "invalid_request_error")
        call = self._call_log.open(Kind.OPENAI, _prompt(asked, operation))
        match call.fate:
            case Fate.RATE_LIMIT:
                return _refusal(429, "rate_limit_exceeded", "requests", retry_after="1")
            case Fate.SERVER_ERROR:
                return _refusal(500, None, "server_error")
            case Fate.MODERATION:
                return _refusal(400, "moderation_blocked", "image_generation_user_error")
            case Fate.HANG:
                await asyncio.sleep(FOREVER_S)
        await asyncio.sleep(call.seconds)
        if call.fate is Fate.REPLY_LOST:
            raise HangUp
        data: list[dict[str, Any]] = []
        if call.fate is Fate.PICTURE:
            data = [{"b64_json": base64.b64encode(picture(call.task)).decode()}]
        return json(200, {"created": 0, "data": data, "usage": USAGE, "output_format": "jpeg"})


def _prompt(asked: WireRequest, operation: str) -> str:
    if operation == "edits":
        found = parts(asked.headers.get("content-type", ""), asked.body).get("prompt")
        return found.data.decode(errors="replace") if found else ""
    return str(orjson.loads(asked.body).get("prompt", ""))


def _refusal(status: int, code: str | None, kind: str, **headers: str) -> WireResponse:
    error = {"message": "No picture this time.", "type": kind, "param": None, "code": code}
    return json(status, {"error": error}, **headers)
