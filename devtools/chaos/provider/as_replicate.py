"""Replicate's predictions: created, read, cancelled, their output a file (replicate.com/docs/reference/http)."""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import orjson

from devtools.chaos.provider.behaviour import Fate
from devtools.chaos.provider.call_log import CallLog, LoggedCall
from devtools.chaos.provider.kinds import Kind
from devtools.chaos.provider.picture import picture
from devtools.chaos.provider.wire import HangUp, WireRequest, WireResponse, json

#: `Prefer: wait` without a number holds the creation open this long, seconds.
WAIT_S = 60.0
REFUSED = "NSFW content detected. Try running it again, or try a different prompt."


@dataclass
class EmulatedPrediction:
    """One piece of work; whether it has ended follows from the time."""

    call: LoggedCall
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:26])
    began: float = field(default_factory=time.monotonic)
    cancelled: bool = False

    @property
    def left_s(self) -> float:
        """Seconds until it ends."""
        return max(0.0, self.began + self.call.seconds - time.monotonic())

    @property
    def status(self) -> str:
        """In Replicate's words."""
        if self.cancelled:
            return "canceled"
        if self.call.fate is Fate.HANG or self.left_s:
            return "processing"
        return "failed" if self.call.fate is Fate.MODERATION else "succeeded"


class ReplicatePredictions:
    """`/v1/models/{owner}/{name}/predictions`, `/v1/predictions/{id}` and `/{id}/cancel`, models, `/files/{id}.jpg`."""

    def __init__(self, call_log: CallLog) -> None:
        """Write into `call_log`."""
        self._books = call_log
        self._known: dict[str, EmulatedPrediction] = {}

    async def create(self, asked: WireRequest) -> WireResponse:
        """Start a prediction.

        Raises:
            HangUp: The reply gets lost, and the id with it.
        """
        if "authorization" not in asked.headers:
            return _problem(401, "Unauthenticated")
        call = self._books.open(Kind.REPLICATE, str(orjson.loads(asked.body).get("input", {}).get("prompt", "")))
        if call.fate is Fate.RATE_LIMIT:
            return _problem(429, "Request was throttled.", retry_after="1")
        if call.fate is Fate.SERVER_ERROR:
            return _problem(500, "Internal server error")
        prediction = EmulatedPrediction(call)
        self._known[prediction.id] = prediction
        if call.fate is Fate.REPLY_LOST:
            raise HangUp
        await asyncio.sleep(_held_open_s(asked, prediction))
        return self._shown(prediction, asked, 201)

    def model(self, asked: WireRequest, owner: str, name: str) -> WireResponse:
        """The answer about a model: every one is offered."""
        if "authorization" not in asked.headers:
            return _problem(401, "Unauthenticated")
        return json(200, {"owner": owner, "name": name, "visibility": "public"})

    def read(self, asked: WireRequest, prediction_id: str) -> WireResponse:
        """The prediction as it is now."""
        prediction = self._known.get(prediction_id)
        return self._shown(prediction, asked) if prediction else _problem(404, "Not found")

    def cancel(self, asked: WireRequest, prediction_id: str) -> WireResponse:
        """Stop the prediction; what has ended stays as it is."""
        prediction = self._known.get(prediction_id)
        if prediction is None:
            return _problem(404, "Not found")
        if prediction.status == "processing":
            prediction.cancelled = True
            self._books.cancel(Kind.REPLICATE, prediction.call)
        return self._shown(prediction, asked)

    def file(self, name: str) -> WireResponse:
        """The picture of a prediction that succeeded."""
        prediction = self._known.get(name.removesuffix(".jpg"))
        if prediction is None or prediction.status != "succeeded":
            return _problem(404, "Not found")
        return WireResponse(200, picture(prediction.call.task), "image/jpeg")

    def _shown(self, prediction: EmulatedPrediction, asked: WireRequest, status: int = 200) -> WireResponse:
        shown: dict[str, Any] = {"id": prediction.id, "status": prediction.status, "output": None, "error": None}
        if prediction.status == "succeeded":
            shown["metrics"] = {"predict_time": prediction.call.seconds}
            if prediction.call.fate is not Fate.EMPTY:
                shown["output"] = f"http://{asked.headers['host']}/files/{prediction.id}.jpg"
        elif prediction.status == "failed":
            shown["error"] = REFUSED
        return json(status, shown)


def _held_open_s(asked: WireRequest, prediction: EmulatedPrediction) -> float:
    preference, _, seconds = asked.headers.get("prefer", "").partition("=")
    if preference != "wait":
        return 0.0
    wait_s = float(seconds or WAIT_S)
    return wait_s if prediction.call.fate is Fate.HANG else min(wait_s, prediction.left_s)


def _problem(status: int, detail: str, **headers: str) -> WireResponse:
    return json(status, {"title": detail, "detail": detail, "status": status}, **headers)
