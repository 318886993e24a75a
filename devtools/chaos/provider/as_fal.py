"""fal's queue: submit, status, result, cancel and download (fal.ai/docs/documentation/model-apis/inference/queue)."""

from __future__ import annotations

from typing import Any

import orjson

from devtools.chaos.provider.behaviour import Fate
from devtools.chaos.provider.call_log import CallLog
from devtools.chaos.provider.kinds import Kind
from devtools.chaos.provider.picture import HEIGHT, WIDTH, picture
from devtools.chaos.provider.wire import HangUp, WireRequest, WireResponse, json
from devtools.chaos.provider.work import EmulatedWork


class FalRequests:
    """`/{owner}/{app}[/{path}]`, `/{owner}/{app}/requests/{id}[/status|/cancel]` and `/files/{id}.jpg`."""

    def __init__(self, call_log: CallLog) -> None:
        """Record calls in `call_log`."""
        self._call_log = call_log
        self._requests: dict[str, EmulatedWork] = {}

    def answer(self, asked: WireRequest, path: tuple[str, ...]) -> WireResponse:  # noqa: PLR0911  one for each call
        """Answer a request whose path is `path`.

        Raises:
            HangUp: The response is to be lost, and the id with it.
        """
        if path[0] == "files":
            return self._file(path[1])
        if not asked.headers.get("authorization", "").startswith("Key "):
            return json(401, {"detail": "Authentication is required to access this application."})
        match (asked.method, *path):
            case ("GET", _, _, "requests", request_id, "status"):
                return self._status(asked, request_id)
            case ("GET", _, _, "requests", request_id):
                return self._result(asked, request_id)
            case ("PUT", _, _, "requests", request_id, "cancel"):
                return self._cancel(request_id)
            case ("POST", owner, app, *_):
                return self._submit(asked, f"{owner}/{app}")
            case _:
                return json(404, {"detail": "Not found"})

    def _submit(self, asked: WireRequest, app: str) -> WireResponse:
        call = self._call_log.open(Kind.FAL, str(orjson.loads(asked.body).get("prompt", "")))
        if call.fate is Fate.RATE_LIMIT:
            return json(429, {"detail": "Too many requests"}, retry_after="1")
        if call.fate is Fate.SERVER_ERROR:
            return json(500, {"detail": "Internal server error", "error_type": "internal_error"})
        request = EmulatedWork(call)
        self._requests[request.id] = request
        if call.fate is Fate.REPLY_LOST:
            raise HangUp
        base = f"http://{asked.headers['host']}/fal/{app}/requests/{request.id}"
        urls = {"response_url": base, "status_url": f"{base}/status", "cancel_url": f"{base}/cancel"}
        return json(200, {"status": "IN_QUEUE", "request_id": request.id, "queue_position": 0} | urls)

    def _status(self, asked: WireRequest, request_id: str) -> WireResponse:
        request = self._requests.get(request_id)
        if request is None:
            return json(404, {"detail": "Request not found"})
        shown: dict[str, Any] = {"request_id": request_id, "logs": [], "response_url": asked.headers["host"]}
        if request.running:
            return json(202, shown | {"status": "IN_PROGRESS"})
        if request.cancelled:
            shown |= {"error": "Request was cancelled", "error_type": "client_cancelled"}
        elif request.call.fate is Fate.MODERATION:
            shown |= {"error": "The request failed."}
        return json(200, shown | {"status": "COMPLETED", "metrics": {"inference_time": request.call.seconds}})

    def _result(self, asked: WireRequest, request_id: str) -> WireResponse:
        request = self._requests.get(request_id)
        if request is None:
            return json(404, {"detail": "Request not found"})
        if request.running:
            return json(400, {"detail": "Request is still in progress"})
        if request.cancelled:
            return json(499, {"detail": "Request was cancelled", "error_type": "client_cancelled"})
        if request.call.fate is Fate.MODERATION:
            message = "The content was flagged by a content checker."
            fault = {"loc": ["body", "prompt"], "msg": message, "type": "content_policy_violation", "input": "…"}
            return json(422, {"detail": [fault]}, x_fal_retryable="false")
        url = f"http://{asked.headers['host']}/fal/files/{request_id}.jpg"
        file = {"url": url, "content_type": "image/jpeg", "width": WIDTH, "height": HEIGHT}
        images = [] if request.call.fate is Fate.EMPTY else [file]
        return json(200, {"images": images, "seed": 1, "has_nsfw_concepts": [False] * len(images), "prompt": ""})

    def _cancel(self, request_id: str) -> WireResponse:
        request = self._requests.get(request_id)
        if request is None:
            return json(404, {"status": "NOT_FOUND"})
        if not request.running:
            return json(400, {"status": "ALREADY_COMPLETED"})
        request.cancelled = True
        self._call_log.cancel(Kind.FAL, request.call)
        return json(202, {"status": "CANCELLATION_REQUESTED"})

    def _file(self, name: str) -> WireResponse:
        request = self._requests.get(name.removesuffix(".jpg"))
        if request is None or request.running:
            return json(404, {"detail": "Not found"})
        return WireResponse(200, picture(request.call.task), "image/jpeg")
