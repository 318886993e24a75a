"""The one decorator that turns a stage into an actor, and the only place where stages meet Dramatiq."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import dramatiq
from dramatiq.asyncio import get_event_loop_thread
from dramatiq.middleware import CurrentMessage

from pipelines.engine.broker import Broker
from pipelines.engine.hand_on import carry_out
from pipelines.engine.loop_call import run_on
from pipelines.engine.registry import Registry
from pipelines.engine.steps import Delivery, Forward, Next, StageMiddleware, Step, Tell
from schemas.common import StageName
from schemas.job import Job


class Runtime(Protocol):
    """What a worker process has ready for its stages."""

    @property
    def registry(self) -> Registry:
        """What this process works on."""

    @property
    def middleware(self) -> Sequence[StageMiddleware]:
        """What surrounds every stage, outermost first."""

    @property
    def lease_s(self) -> float:
        """Seconds a lease lasts."""


StageFunction = Callable[[Job], Awaitable[Job]]


def stage(
    name: StageName, *, broker: Broker, runtime: Callable[[], Runtime]
) -> Callable[[StageFunction], dramatiq.Actor[[dict[str, Any]], None]]:
    """Make an actor of a stage, on the queue of its name.

    The actor parses the job, keeps its lease, surrounds the stage with the middleware, and enqueues what follows before
    the message is acknowledged.
    """

    def decorate(function: StageFunction) -> dramatiq.Actor[[dict[str, Any]], None]:
        def actor(payload: dict[str, Any]) -> None:
            message = CurrentMessage.get_current_message()
            loop = get_event_loop_thread()
            if message is None or loop is None:
                raise RuntimeError(f"{name} was called outside a worker")
            job = Job.model_validate(payload)
            now = runtime()
            with now.registry.track(job.task_id, job.token, name) as work:
                delivery = Delivery(name, job, message.options["job_message_id"], work, function)
                step = run_on(loop.loop, _surround(now.middleware)(delivery))
                carry_out(broker, message, step, work, patience_s=now.lease_s)

        actor.__doc__ = function.__doc__
        return dramatiq.actor(actor_name=name.value, queue_name=name.value, broker=broker)(actor)

    return decorate


def _surround(middleware: Sequence[StageMiddleware]) -> Next:
    call: Next = _run
    for layer in reversed(middleware):
        call = functools.partial(layer, call_next=call)
    return call


async def _run(delivery: Delivery) -> Step:
    job = await delivery.run(delivery.job)
    return Tell(job) if job.failure is not None and delivery.stage is not StageName.NOTIFY else Forward(job)
