"""FASHN's predictions: run and status, pictures as data URLs (docs.fashn.ai/api-overview/api-fundamentals)."""

from __future__ import annotations

import base64
from typing import Any

import orjson

from devtools.chaos.provider.behaviour import Fate
from devtools.chaos.provider.call_log import CallLog
from devtools.chaos.provider.kinds import Kind
from devtools.chaos.provider.picture import picture
from devtools.chaos.provider.wire import HangUp, WireRequest, WireResponse, json
from devtools.chaos.provider.work import EmulatedWork

CREDITS = {"tryon-v1.6": "1", "tryon-max": "4"}
REFUSED = {"name": "ContentModerationError", "message": "Prohibited content was detected in the garment image."}


class FashnPredictions:
    """`POST /v1/run` and `GET /v1/status/{id}`. A prompt exists for some models only, so most calls have no task."""

    def __init__(self, call_log: CallLog) -> None:
        """Record calls in `call_log`."""
        self._call_log = call_log
        self._predictions: dict[str, tuple[EmulatedWork, str]] = {}

    def answer(self, asked: WireRequest, path: tuple[str, ...]) -> WireResponse:
        """Answer a request whose path is `path`.

        Raises:
            HangUp: The response is to be lost, and the id with it.
        """
        if not asked.headers.get("authorization", "").startswith("Bearer "):
            return _problem(401, "UnauthorizedAccess", "Unauthorized: Invalid token")
        match (asked.method, *path):
            case ("POST", "v1", "run"):
                return self._run(asked)
            case ("GET", "v1", "status", prediction_id):
                return self._status(prediction_id)
            case _:
                return _problem(404, "NotFound", "The requested resource could not be found")

    def _run(self, asked: WireRequest) -> WireResponse:
        body = orjson.loads(asked.body)
        call = self._call_log.open(Kind.FASHN, str(body["inputs"].get("prompt", "")))
        if call.fate is Fate.RATE_LIMIT:
            return _problem(429, "ConcurrencyLimitExceeded", "Too many concurrent requests")
        if call.fate is Fate.SERVER_ERROR:
            return _problem(500, "InternalServerError", "An error occurred")
        prediction = EmulatedWork(call)
        self._predictions[prediction.id] = (prediction, body["model_name"])
        if call.fate is Fate.REPLY_LOST:
            raise HangUp
        return json(200, {"id": prediction.id, "error": None})

    def _status(self, prediction_id: str) -> WireResponse:
        if prediction_id not in self._predictions:
            return _problem(404, "NotFound", "The prediction is not tracked any more")
        prediction, model = self._predictions[prediction_id]
        shown: dict[str, Any] = {"id": prediction_id, "status": "completed", "output": None, "error": None}
        if prediction.running:
            return json(200, shown | {"status": "processing"})
        if prediction.call.fate is Fate.MODERATION:
            return json(200, shown | {"status": "failed", "error": REFUSED})
        encoded = base64.b64encode(picture(prediction.call.task or prediction_id)).decode()
        output = [] if prediction.call.fate is Fate.EMPTY else [f"data:image/jpeg;base64,{encoded}"]
        return json(200, shown | {"output": output}, x_fashn_credits_used=CREDITS.get(model, "1"))


def _problem(status: int, error: str, message: str) -> WireResponse:
    return json(status, {"error": error, "message": message})
