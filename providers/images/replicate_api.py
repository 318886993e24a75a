"""Replicate's HTTP API, as much of it as is used: https://replicate.com/docs/reference/http.

Plain HTTP, because the `replicate` client (1.0.7) stands in the way: its transport retries every GET ten times by
itself and sleeps as long as any Retry-After says, its errors drop the headers (so a 429's Retry-After is lost), it
reads answers of any size, and its models, pydantic 1, refuse the status `aborted`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

import httpx2
from pydantic import Field, ValidationError

from providers.images import faults
from providers.images.answer import MAX_ANSWER_BYTES
from providers.images.limited_transport import AnswerTooLarge, LimitedTransport
from schemas.common import Id, Payload

if TYPE_CHECKING:
    from schemas.errors import DarkroomError

PROVIDER = "replicate"
BASE_URL = "https://api.replicate.com"
_CONNECT_S = 5.0
#: A thousand predictions can be polled at once.
_MAX_CONNECTIONS = 1024
_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


class Status(StrEnum):
    """Where a prediction is (https://replicate.com/docs/topics/predictions/lifecycle)."""

    STARTING = "starting"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    ABORTED = "aborted"

    @property
    def running(self) -> bool:
        """Whether it must be waited for."""
        return self in {Status.STARTING, Status.PROCESSING}


class Metrics(Payload):
    """How long it took, in seconds."""

    predict_time: float = Field(0, ge=0)


class Prediction(Payload):
    """One piece of work. The output of an image model is one address, or a list of them."""

    id: Id
    status: Status
    output: Any = Field(default=None, repr=False)
    error: Any = Field(default=None, repr=False)
    metrics: Metrics | None = None

    @property
    def seconds(self) -> float:
        """How long it was predicted for, 0 if it is not said."""
        return self.metrics.predict_time if self.metrics else 0.0


class ReplicateApi:
    """Creates, reads and cancels predictions; every fault comes out as one of ours."""

    def __init__(self, token: str, base_url: str) -> None:
        """Make the client; nothing is sent yet."""
        limits = httpx2.Limits(max_connections=_MAX_CONNECTIONS, max_keepalive_connections=64)
        self._client = httpx2.AsyncClient(
            base_url=base_url,
            headers={"authorization": f"Bearer {token}"},
            transport=LimitedTransport(httpx2.AsyncHTTPTransport(limits=limits), MAX_ANSWER_BYTES),
            follow_redirects=False,
            trust_env=False,
        )

    async def create(self, model: str, body: dict[str, Any], headers: dict[str, str], read_s: float) -> Prediction:
        """Start a prediction of `owner/name` or `owner/name:version`; wait at most `read_s` seconds for the answer."""
        owner_name, _, version = model.partition(":")
        if version:
            return await self._send(
                "POST", "/v1/predictions", read_s, json=body | {"version": version}, headers=headers
            )
        return await self._send("POST", f"/v1/models/{owner_name}/predictions", read_s, json=body, headers=headers)

    async def get(self, prediction_id: str, read_s: float) -> Prediction:
        """The prediction as it is now."""
        return await self._send("GET", f"/v1/predictions/{prediction_id}", read_s)

    async def cancel(self, prediction_id: str, read_s: float) -> Prediction:
        """Stop the prediction."""
        return await self._send("POST", f"/v1/predictions/{prediction_id}/cancel", read_s)

    async def aclose(self) -> None:
        """Give back connections."""
        await self._client.aclose()

    async def _send(self, method: str, path: str, read_s: float, **parts: Any) -> Prediction:
        timeout = httpx2.Timeout(read_s, connect=_CONNECT_S, pool=_CONNECT_S)
        try:
            response = await self._client.request(method, path, timeout=timeout, **parts)
        except httpx2.TransportError as error:
            raise _translated(error, read_s) from error
        if not response.is_success:
            raise faults.from_status(PROVIDER, response.status_code, response.headers)
        try:
            return Prediction.model_validate_json(response.content)
        except ValidationError:
            raise faults.no_picture(PROVIDER, "replicate's answer is no prediction") from None


def _translated(error: httpx2.TransportError, read_s: float) -> DarkroomError:
    if isinstance(error, _NEVER_SENT):
        return faults.unreachable(PROVIDER)
    if isinstance(error, AnswerTooLarge):
        return faults.no_picture(PROVIDER, "replicate's answer is too large", code="answer_too_large")
    if isinstance(error, httpx2.TimeoutException):
        return faults.no_answer(PROVIDER, read_s)
    return faults.cut_off(PROVIDER)
