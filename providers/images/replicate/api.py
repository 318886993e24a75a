"""Replicate's HTTP API, as much of it as is used: https://replicate.com/docs/reference/http.

Plain HTTP, because the `replicate` client (1.0.7) stands in the way: its transport retries every GET ten times by
itself and sleeps as long as any Retry-After says, its errors drop the headers (so a 429's Retry-After is lost), it
reads answers of any size, and its models, pydantic 1, refuse the status `aborted`.
"""

from __future__ import annotations

from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import httpx2
from pydantic import Field, ValidationError

from providers.images import errors as faults
from providers.images.decode_picture import MAX_ANSWER_BYTES
from providers.images.limited_transport import AnswerTooLarge, LimitedTransport
from schemas.common import Id, Payload

if TYPE_CHECKING:
    from schemas.errors import DarkroomError

PROVIDER = "replicate"
BASE_URL = "https://api.replicate.com"
MODEL_SETTING = "REPLICATE_MODEL"
_CONNECT_S = 5.0
#: A thousand predictions can be polled at once.
_MAX_CONNECTIONS = 1024
_NOT_THERE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
#: How the title of the 422 for a version that was deleted begins, in lower case.
_INVALID_VERSION = "invalid version"
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


class Problem(Payload):
    """The body of a refusal."""

    title: str = ""


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
        path, more = f"/v1/models/{owner_name}/predictions", {}
        if version:
            path, more = "/v1/predictions", {"version": version}
        response = await self._request("POST", path, read_s, json=body | more, headers=headers)
        if response.status_code in _NOT_THERE or _names_no_version(response):
            raise faults.model_retired(PROVIDER, model, MODEL_SETTING, response.status_code)
        return _prediction(response)

    async def get(self, prediction_id: str, read_s: float) -> Prediction:
        """The prediction as it is now."""
        return _prediction(await self._request("GET", f"/v1/predictions/{prediction_id}", read_s))

    async def offers(self, model: str, read_s: float) -> bool:
        """Whether `owner/name`, or this version of it, can be run."""
        owner_name, _, version = model.partition(":")
        path = f"/v1/models/{owner_name}/versions/{version}" if version else f"/v1/models/{owner_name}"
        response = await self._request("GET", path, read_s)
        if response.status_code in _NOT_THERE:
            return False
        if not response.is_success:
            raise faults.from_status(PROVIDER, response.status_code, response.headers)
        return True

    async def cancel(self, prediction_id: str, read_s: float) -> Prediction:
        """Stop the prediction."""
        return _prediction(await self._request("POST", f"/v1/predictions/{prediction_id}/cancel", read_s))

    async def aclose(self) -> None:
        """Give back connections."""
        await self._client.aclose()

    async def _request(self, method: str, path: str, read_s: float, **parts: Any) -> httpx2.Response:
        timeout = httpx2.Timeout(read_s, connect=_CONNECT_S, pool=_CONNECT_S)
        try:
            return await self._client.request(method, path, timeout=timeout, **parts)
        except httpx2.TransportError as error:
            raise _translated(error, read_s) from error


def _prediction(response: httpx2.Response) -> Prediction:
    if not response.is_success:
        raise faults.from_status(PROVIDER, response.status_code, response.headers)
    try:
        return Prediction.model_validate_json(response.content)
    except ValidationError:
        raise faults.no_picture(PROVIDER, "replicate's answer is no prediction") from None


def _names_no_version(response: httpx2.Response) -> bool:
    """Whether Replicate says that the version does not exist; other answers with 422 are about the input."""
    if response.status_code != HTTPStatus.UNPROCESSABLE_ENTITY:
        return False
    try:
        return Problem.model_validate_json(response.content).title.lower().startswith(_INVALID_VERSION)
    except ValidationError:
        return False


def _translated(error: httpx2.TransportError, read_s: float) -> DarkroomError:
    if isinstance(error, _NEVER_SENT):
        return faults.unreachable(PROVIDER)
    if isinstance(error, AnswerTooLarge):
        return faults.no_picture(PROVIDER, "replicate's answer is too large", code="answer_too_large")
    if isinstance(error, httpx2.TimeoutException):
        return faults.no_answer(PROVIDER, read_s)
    return faults.cut_off(PROVIDER)
