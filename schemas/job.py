"""The job: the value that is passed from stage to stage.

A job is small JSON: ids, references and costs. Image bytes are kept in the scratch store, under names that the job
holds. A message of another build of the same version may have fields that this one doesn't know: they are ignored.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.common import Id, Payload, Product, RequestId, StageName, Url

#: Version of the job's wire format. A worker leaves jobs of a newer version to newer workers.
JOB_VERSION = 2


class Call(Payload):
    """One call to an image provider, with its outcome and cost, and the parts of the request that it left out."""

    provider: str
    model: str | None = None
    outcome: str
    seconds: float
    cost_usd: float = 0.0
    left_out: tuple[str, ...] = ()


class Picture(Payload):
    """A picture of a job.

    Attributes:
        scratch: Name of the picture's latest version in the scratch store; None before `generate` or `fetch`.
        source_url: The provider's address of the picture, until `fetch` has copied it. Never published.
        url: Signed address in the object storage, set by `upload`.
        path: Path inside the bucket, set by `upload`.
    """

    scratch: str | None = None
    source_url: Url | None = None
    provider: str | None = None
    model: str | None = None
    path: str | None = None
    url: str | None = None
    width: int = 0
    height: int = 0
    size_bytes: int = 0


class Failure(Payload):
    """The reason of a job's failure: `message` is for the user, the other fields are for operators."""

    code: str
    message: str
    stage: StageName | None = None
    attempt: int = 0
    details: dict[str, str | float] = Field(default_factory=dict)


class Job(Payload):
    """The state of a task between two stages.

    Attributes:
        run: 1 for the first run, one more for each replay. Charges and refunds are unique per run.
        token: The fencing token. Dispatch, claim, recovery and replay raise it; only the latest may commit.
        attempt: Number of earlier attempts of the current stage, from 0.
        inputs: Addresses of the input pictures, in the producer's order.
        input_scratch: Names of the inputs in the scratch store, in the same order, set by `fetch`.
        prompt: The full prompt for the provider, built when the job starts.
        producer_prompt: The part of it that the producer wrote; empty if there is none.
        params: Product-specific values, such as the style or the avatar id.
        pictures: The pictures of the job, in order.
        input_tokens, output_tokens: As counted by the provider.
        cost_usd: Cost of all calls of this run, in US dollars.
        refunded: Credits that were refunded for its failure.
        deliveries: Number of deliveries that its completion has put into the outbox; None if that is still to be done.
    """

    version: Annotated[int, Field(le=JOB_VERSION)] = JOB_VERSION
    product: Product
    task_id: Id
    session_id: Id
    owner_id: Id
    user_id: Id | None = None
    channel: str
    request_id: RequestId
    run: int = 1
    token: int = 1
    attempt: int = 0
    inputs: tuple[Url, ...] = ()
    input_scratch: tuple[str, ...] = ()
    prompt: str = ""
    producer_prompt: str = ""
    params: dict[str, str | int | None] = Field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()
    calls: tuple[Call, ...] = ()
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    failure: Failure | None = None
    refunded: int = 0
    deliveries: int | None = None
