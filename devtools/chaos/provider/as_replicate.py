"""Replicate's predictions: create, read, cancel and download (replicate.com/docs/reference/http)."""

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

#: Maximum delay of the response to a creation with `Prefer: wait` without a number, seconds.
WAIT_S = 60.0
REFUSED = "NSFW content detected. Try running it again, or try a different prompt."


@dataclass
class EmulatedPrediction:
    """A prediction; its status follows from the time since its creation."""

    call: LoggedCall
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:26])
    began: float = field(default_factory=time.monotonic)
    cancelled: bool = False

    @property
    def left_s(self) -> float:
        """Seconds until the prediction ends."""
        return max(0.0, self.began + self.call.seconds - time.monotonic())

    @property
    def status(self) -> str:
        """The status in Replicate's terms."""
        if self.cancelled:
            return "canceled"
        if self.call.fate is Fate.HANG or self.left_s:
            return "processing"
        return "failed" if self.call.fate is Fate.MODERATION else "succeeded"


class ReplicatePredictions:
    """`/v1/models/{owner}/{name}/predictions`, `/v1/predictions/{id}` and `/{id}/cancel`, models, `/files/{id}.jpg`."""

    def __init__(self, call_log: CallLog) -> None:
        """Record calls in `call_log`."""
        self._call_log = call_log
        self._predictions: dict[str, EmulatedPrediction] = {}

    async def create(self, asked: WireRequest) -> WireResponse:
        """Start a prediction.

        Raises:
            HangUp: The response is to be lost, and the id with it.
        """
        if "authorization" not in asked.headers:
            return _problem(401, "Unauthenticated")
        call = self._call_log.open(Kind.REPLICATE, str(orjson.loads(asked.body).get("input", {}).get("prompt", "")))
        if call.fate is Fate.RATE_LIMIT:
            return _problem(429, "Request was throttled.", retry_after="1")
        if call.fate is Fate.SERVER_ERROR:
            return _problem(500, "Internal server error")
        prediction = EmulatedPrediction(call)
        self._predictions[prediction.id] = prediction
        if call.fate is Fate.REPLY_LOST:
            raise HangUp
        await asyncio.sleep(_held_open_s(asked, prediction))
        return self._render(prediction, asked, 201)

    def model(self, asked: WireRequest, owner: str, name: str) -> WireResponse:
        """Describe a model; every model exists."""
        if "authorization" not in asked.headers:
            return _problem(401, "Unauthenticated")
        return json(200, {"owner": owner, "name": name, "visibility": "public"})

    def read(self, asked: WireRequest, prediction_id: str) -> WireResponse:
        """Return the current state of a prediction."""
        prediction = self._predictions.get(prediction_id)
        return self._render(prediction, asked) if prediction else _problem(404, "Not found")

    def cancel(self, asked: WireRequest, prediction_id: str) -> WireResponse:
        """Cancel a prediction; one that has ended stays unchanged."""
        prediction = self._predictions.get(prediction_id)
        if prediction is None:
            return _problem(404, "Not found")
        if prediction.status == "processing":
            prediction.cancelled = True
            self._call_log.cancel(Kind.REPLICATE, prediction.call)
        return self._render(prediction, asked)

    def file(self, name: str) -> WireResponse:
        """Return the picture of a prediction that succeeded."""
        prediction = self._predictions.get(name.removesuffix(".jpg"))
        if prediction is None or prediction.status != "succeeded":
            return _problem(404, "Not found")
        return WireResponse(200, picture(prediction.call.task), "image/jpeg")

    def _render(self, prediction: EmulatedPrediction, asked: WireRequest, status: int = 200) -> WireResponse:
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
