"""Client of fal's queue: https://fal.ai/docs/documentation/model-apis/inference/queue.

`fal-client` is not used: it repeats requests by itself, reads answers of any size, and sends the key to any address
in an answer. Addresses are built here from the app and the request's id.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from providers.images import errors as faults
from providers.images.http_client import ProviderHttp
from schemas.common import Id, Payload

if TYPE_CHECKING:
    import httpx2

PROVIDER = "fal"
BASE_URL = "https://queue.fal.run"
APP_SETTING = "FAL_APP"
#: Lifetime of pictures on fal's CDN, seconds: they are copied at once.
PICTURE_LIFETIME_S = 3600
_COMPLETED = "COMPLETED"
#: First segments that are followed by owner and app.
_NAMESPACES = frozenset({"workflows", "comfy"})
_TRY_AGAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


class Submitted(Payload):
    """The answer to a submission."""

    request_id: Id


class QueueStatus(Payload):
    """The answer about a request; `error` and `error_type` say that it failed."""

    status: str
    error: Any = None
    error_type: str | None = None


@dataclass(frozen=True, slots=True)
class QueuedRequest:
    """A request; once it has ended, with the model's answer of any HTTP status."""

    id: str
    answer: httpx2.Response | None = None

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.answer is None


class FalQueue:
    """Submits, reads and cancels requests; raises `DarkroomError` only."""

    def __init__(self, key: str, base_url: str, app: str) -> None:
        """Create the client without sending anything."""
        self._http = ProviderHttp(PROVIDER, base_url, {"authorization": f"Key {key}"})
        self._app = app
        parts = app.split("/")
        self._requests = "/".join(parts[: 3 if parts[0] in _NAMESPACES else 2]) + "/requests"

    async def submit(self, body: dict[str, Any], *, deadline_s: float, webhook_url: str | None) -> QueuedRequest:
        """Queue a request; wait at most `deadline_s` seconds for the answer, and let fal start the work within that."""
        lifecycle = json.dumps({"expiration_duration_seconds": PICTURE_LIFETIME_S})
        headers = {
            "x-fal-store-io": "0",
            "x-fal-object-lifecycle-preference": lifecycle,
            "x-fal-no-retry": "1",
            "x-fal-request-timeout": str(max(1, math.ceil(deadline_s))),
        }
        query = {"fal_webhook": webhook_url} if webhook_url else None
        response = await self._http.request(
            "POST", f"/{self._app}", deadline_s, json=body, headers=headers, params=query
        )
        if response.status_code == HTTPStatus.NOT_FOUND:
            raise faults.model_retired(PROVIDER, self._app, APP_SETTING, response.status_code)
        if not response.is_success:
            raise faults.from_status(PROVIDER, response.status_code, response.headers)
        try:
            return QueuedRequest(Submitted.model_validate_json(response.content).request_id)
        except ValidationError:
            raise faults.no_picture(PROVIDER, "fal's answer has no request id") from None

    async def read(self, request_id: str, read_s: float) -> QueuedRequest:
        """Return the current state of the request, with the model's answer if it has ended."""
        response = await self._http.request("GET", f"/{self._requests}/{request_id}/status", read_s)
        if not response.is_success:
            raise faults.from_status(PROVIDER, response.status_code, response.headers)
        try:
            status = QueueStatus.model_validate_json(response.content)
        except ValidationError:
            raise faults.no_picture(PROVIDER, "fal's answer is not a status") from None
        if status.status != _COMPLETED:
            return QueuedRequest(request_id)
        answer = await self._http.request("GET", f"/{self._requests}/{request_id}", read_s)
        failed = status.error is not None or status.error_type is not None or "x-fal-error-type" in answer.headers
        if answer.status_code in _TRY_AGAIN or (answer.is_server_error and not failed):
            # The queue could not answer; the request itself has ended.
            raise faults.from_status(PROVIDER, answer.status_code, answer.headers)
        return QueuedRequest(request_id, answer)

    async def cancel(self, request_id: str, read_s: float) -> None:
        """Ask fal to cancel the request; one that has ended stays as it is."""
        await self._http.request("PUT", f"/{self._requests}/{request_id}/cancel", read_s)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()
