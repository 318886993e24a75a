"""The one value that travels between stages.

It is small JSON: ids, references and what was spent. Image bytes never travel; they lie in the scratch store under
the names the job carries.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.common import Frozen, Id, Product, RequestId, StageName, Url

#: The version of the job's own wire format. A worker that meets a newer one leaves the job to newer workers.
JOB_VERSION = 1


class Call(Frozen):
    """One call to an image provider: what was tried, and what it cost."""

    provider: str
    model: str | None = None
    outcome: str
    seconds: float
    cost_usd: float = 0.0


class Picture(Frozen):
    """One picture that the job makes.

    Attributes:
        scratch: Name in the scratch store of the newest version of the picture, once there is one.
        source_url: The provider's own address of the picture, until `fetch` has copied it. Never shown to anybody.
        url: The signed address in the object storage, after `upload`.
        path: The path inside the bucket, after `upload`.
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


class Failure(Frozen):
    """Why a job ended without a picture. `message` is for the user, the rest is for operators."""

    code: str
    message: str
    stage: StageName | None = None
    attempt: int = 0
    details: dict[str, str | float] = Field(default_factory=dict)


class Job(Frozen):
    """A task on its way through the stages.

    Attributes:
        run: 1 for the first run, one more for each replay. Charges and refunds are unique per run.
        token: The fencing token. It grows each time the job is driven again; only the newest may commit.
        attempt: How often the present stage was tried before, from 0.
        delivery: Distinguishes messages of one stage and attempt: handed back at a shutdown, delivered again.
        inputs: Addresses of the input pictures, in the producer's order.
        input_scratch: Names in the scratch store of the inputs, in the same order, once fetched.
        prompt: The full prompt for the provider, built when the job starts.
        params: What only this product needs: style, count, avatar, scene.
        pictures: What the job makes, in order.
        input_tokens, output_tokens: As counted by the provider.
        cost_usd: What all calls of this run cost, in US dollars.
        refunded: Credits that its failure gave back.
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
    delivery: int = 0
    inputs: tuple[Url, ...] = ()
    input_scratch: tuple[str, ...] = ()
    prompt: str = ""
    params: dict[str, str | int | None] = Field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()
    calls: tuple[Call, ...] = ()
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    failure: Failure | None = None
    refunded: int = 0
