"""Client of the part of Replicate's HTTP API that is used: https://replicate.com/docs/reference/http.

The `replicate` client (1.0.7) is not used: it retries every GET ten times and sleeps for any Retry-After, its errors
drop the headers (so a 429's Retry-After is lost), it reads answers of any size, and its models, pydantic 1, refuse the
status `aborted`.
"""

from __future__ import annotations

from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from providers.images import errors as faults
from providers.images.http_client import ProviderHttp
from providers.images.reported import Seconds
from schemas.common import Id, Payload

if TYPE_CHECKING:
    import httpx2

PROVIDER = "replicate"
BASE_URL = "https://api.replicate.com"
MODEL_SETTING = "REPLICATE_MODEL"
_MISSING_STATUSES = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
#: Start of the title of the 422 for a deleted version, in lower case.
_INVALID_VERSION = "invalid version"


class PredictionStatus(StrEnum):
    """State of a prediction (https://replicate.com/docs/topics/predictions/lifecycle)."""

    STARTING = "starting"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    ABORTED = "aborted"

    @property
    def running(self) -> bool:
        """Whether the prediction has not ended."""
        return self in {PredictionStatus.STARTING, PredictionStatus.PROCESSING}


class PredictionMetrics(Payload):
    """Duration of a prediction, seconds."""

    predict_time: Seconds = 0


class Prediction(Payload):
    """A prediction. The output of an image model is one address or a list of them."""

    id: Id
    status: PredictionStatus
    output: Any = Field(default=None, repr=False)
    error: Any = Field(default=None, repr=False)
    metrics: PredictionMetrics | None = None

    @property
    def running(self) -> bool:
        """Whether the prediction has not ended."""
        return self.status.running

    @property
    def seconds(self) -> float:
        """Duration, seconds; 0 if not reported."""
        return self.metrics.predict_time if self.metrics else 0.0


class ReplicateProblem(Payload):
    """The body of an error."""

    title: str = ""


class ReplicateApi:
    """Creates, reads and cancels predictions; raises `DarkroomError` only."""

    def __init__(self, token: str, base_url: str) -> None:
        """Create the client without sending anything."""
        self._http = ProviderHttp(PROVIDER, base_url, {"authorization": f"Bearer {token}"})

    async def create(self, model: str, body: dict[str, Any], headers: dict[str, str], read_s: float) -> Prediction:
        """Start a prediction of `owner/name` or `owner/name:version`; wait at most `read_s` seconds for the answer."""
        owner_name, _, version = model.partition(":")
        path, more = f"/v1/models/{owner_name}/predictions", {}
        if version:
            path, more = "/v1/predictions", {"version": version}
        response = await self._http.request("POST", path, read_s, json=body | more, headers=headers)
        if response.status_code in _MISSING_STATUSES or _is_invalid_version(response):
            raise faults.model_retired(PROVIDER, model, MODEL_SETTING, response.status_code)
        return _parse_prediction(response)

    async def get(self, prediction_id: str, read_s: float) -> Prediction:
        """Return the current state of the prediction."""
        return _parse_prediction(await self._http.request("GET", f"/v1/predictions/{prediction_id}", read_s))

    async def offers(self, model: str, read_s: float) -> bool:
        """Return whether `owner/name`, or this version of it, is offered."""
        owner_name, _, version = model.partition(":")
        path = f"/v1/models/{owner_name}/versions/{version}" if version else f"/v1/models/{owner_name}"
        response = await self._http.request("GET", path, read_s)
        if response.status_code in _MISSING_STATUSES:
            return False
        if not response.is_success:
            raise faults.from_status(PROVIDER, response.status_code, response.headers)
        return True

    async def cancel(self, prediction_id: str, read_s: float) -> Prediction:
        """Cancel the prediction."""
        return _parse_prediction(await self._http.request("POST", f"/v1/predictions/{prediction_id}/cancel", read_s))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def _parse_prediction(response: httpx2.Response) -> Prediction:
    if not response.is_success:
        raise faults.from_status(PROVIDER, response.status_code, response.headers)
    try:
        return Prediction.model_validate_json(response.content)
    except ValidationError:
        raise faults.no_picture(PROVIDER, "replicate's answer is not a prediction") from None


def _is_invalid_version(response: httpx2.Response) -> bool:
    """Return whether a 422 says that the version does not exist; any other 422 is about the input."""
    if response.status_code != HTTPStatus.UNPROCESSABLE_ENTITY:
        return False
    try:
        return ReplicateProblem.model_validate_json(response.content).title.lower().startswith(_INVALID_VERSION)
    except ValidationError:
        return False
