"""Client of the part of FASHN's API that is used: https://docs.fashn.ai/api-overview/api-fundamentals.

The `fashn` client is not used: it reads answers of any size and repeats requests by itself.
"""

from __future__ import annotations

from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from providers.images import errors as faults
from providers.images.http_client import ProviderHttp
from schemas.common import Id, Payload

if TYPE_CHECKING:
    import httpx2

    from schemas.errors import DarkroomError

PROVIDER = "fashn"
BASE_URL = "https://api.fashn.ai"
#: Number of credits that a prediction cost, on the answer about its status.
CREDITS_USED = "x-fashn-credits-used"
#: Wait after a 429 that names none, seconds: a prediction takes 5 to 17 seconds.
_BUSY_WAIT_S = 5.0
_OUT_OF_CREDITS = "OutOfCredits"


class FashnStatus(StrEnum):
    """State of a prediction."""

    STARTING = "starting"
    IN_QUEUE = "in_queue"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"
    TIME_OUT = "time_out"

    @property
    def running(self) -> bool:
        """Whether the prediction has not ended."""
        return self in {FashnStatus.STARTING, FashnStatus.IN_QUEUE, FashnStatus.PROCESSING}


class FashnFault(Payload):
    """Why a prediction failed; only the name is used."""

    name: str = ""


class FashnPrediction(Payload):
    """A prediction and its pictures, as data URLs."""

    id: Id
    status: FashnStatus = FashnStatus.STARTING
    output: tuple[str, ...] | None = Field(default=None, repr=False)
    error: FashnFault | None = None
    credits_used: int | None = None

    @property
    def running(self) -> bool:
        """Whether the prediction has not ended."""
        return self.status.running


class FashnRun(Payload):
    """The answer to a new prediction."""

    id: Id


class FashnProblem(Payload):
    """The body of an HTTP error."""

    error: str = ""


class FashnApi:
    """Starts and reads predictions; raises `DarkroomError` only. FASHN has no call that cancels one."""

    def __init__(self, key: str, base_url: str) -> None:
        """Create the client without sending anything."""
        self._http = ProviderHttp(PROVIDER, base_url, {"authorization": f"Bearer {key}"})

    async def run(
        self, model: str, inputs: dict[str, Any], read_s: float, *, webhook_url: str | None
    ) -> FashnPrediction:
        """Start a prediction; wait at most `read_s` seconds for the answer."""
        body = {"model_name": model, "inputs": inputs} | ({"webhook_url": webhook_url} if webhook_url else {})
        response = await self._http.request("POST", "/v1/run", read_s, json=body)
        if not response.is_success:
            raise _map_status(response)
        try:
            return FashnPrediction(id=FashnRun.model_validate_json(response.content).id)
        except ValidationError:
            raise faults.no_picture(PROVIDER, "fashn's answer has no id") from None

    async def status(self, prediction_id: str, read_s: float) -> FashnPrediction:
        """Return the current state of the prediction."""
        response = await self._http.request("GET", f"/v1/status/{prediction_id}", read_s)
        if not response.is_success:
            raise _map_status(response)
        try:
            prediction = FashnPrediction.model_validate_json(response.content)
        except ValidationError:
            raise faults.no_picture(PROVIDER, "fashn's answer is not a prediction") from None
        used = response.headers.get(CREDITS_USED, "")
        return prediction.model_copy(update={"credits_used": int(used) if used.isdecimal() else None})

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def _map_status(response: httpx2.Response) -> DarkroomError:
    try:
        name = FashnProblem.model_validate_json(response.content).error
    except ValidationError:
        name = ""
    if name == _OUT_OF_CREDITS:
        return faults.provider_refused(PROVIDER, "fashn's account has no credits left")
    reason = name if name.isidentifier() else None
    error = faults.from_status(PROVIDER, response.status_code, response.headers, reason=reason)
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS and error.retry_after is None:
        error.retry_after = _BUSY_WAIT_S
    return error
