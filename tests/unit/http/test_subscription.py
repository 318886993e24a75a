from __future__ import annotations

from api.tasks.sse import PING, RETRY, event_id, frame
from api.tasks.stream_limits import StreamLimits
from api.tasks.subscription import MAX_WAITING, Subscription
from schemas.progress import Progress, Status


def event(progress: int, seq: int, *, status: Status = Status.PROCESSING, run: int = 1, at: float = 0.0) -> Progress:
    return Progress(status=status, progress=progress, message="m", seq=seq, run=run, at=at or float(seq))


def listening() -> tuple[Subscription, list[Subscription]]:
    left: list[Subscription] = []
    return Subscription("t", left.append, StreamLimits()), left


async def received(subscription: Subscription) -> list[bytes]:
    text = b"".join([data async for data in subscription])
    return [block for block in text.split(b"\n\n") if block]


async def test_events_come_in_order_and_the_terminal_one_is_the_last() -> None:
    subscription, left = listening()
    for it in (event(10, 1), event(20, 2), event(100, 3, status=Status.COMPLETED), event(30, 4)):
        subscription.offer(frame(it))
    blocks = await received(subscription)
    assert [block.split(b"\n")[0] for block in blocks] == [b"retry: 1000", b"id: 1.1", b"id: 1.2", b"id: 1.end"]
    await subscription.close()
    assert left == [subscription]


async def test_a_snapshot_older_than_a_received_event_is_not_sent() -> None:
    subscription, _ = listening()
    subscription.offer(frame(event(50, 5)))
    subscription.offer(frame(event(40, 4)))
    subscription.offer(frame(event(50, 5)))
    subscription.finish()
    assert len([block for block in await received(subscription) if b"data" in block]) == 1


async def test_sequence_numbers_that_restart_after_an_emptied_redis_are_accepted() -> None:
    subscription, _ = listening()
    subscription.offer(frame(event(50, 5, at=100.0)))
    subscription.offer(frame(event(60, 1, at=101.0)))
    subscription.finish()
    assert len([block for block in await received(subscription) if b"data" in block]) == 2


async def test_a_slow_listener_may_miss_intermediate_events_but_never_the_terminal_one() -> None:
    subscription, _ = listening()
    for seq in range(1, 100):
        subscription.offer(frame(event(50, seq)))
    subscription.offer(frame(event(100, 100, status=Status.FAILED)))
    blocks = await received(subscription)
    assert len(blocks) == MAX_WAITING
    assert blocks[-1].startswith(b"id: 1.end")


async def test_a_finished_stream_ends_with_a_hint() -> None:
    subscription, _ = listening()
    subscription.ping()
    assert await anext(subscription) == RETRY
    subscription.ping()
    assert await anext(subscription) == PING
    subscription.finish()
    subscription.finish()
    assert [data async for data in subscription] == [RETRY]


def test_the_terminal_event_of_another_run_is_another_event() -> None:
    ends = {event_id(event(100, 7, status=Status.COMPLETED, run=run)) for run in (1, 2)}
    assert len(ends) == 2
