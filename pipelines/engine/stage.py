"""The one decorator that turns a stage into an actor, and the only place where stages meet Dramatiq."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import dramatiq
from dramatiq.asyncio import get_event_loop_thread
from dramatiq.middleware import CurrentMessage

from pipelines.engine.broker import Broker
from pipelines.engine.carry import StageFunction, carry
from pipelines.engine.hand_on import carry_out
from pipelines.engine.loop_call import run_on
from pipelines.engine.registry import Registry
from pipelines.engine.steps import StageMiddleware
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


class Stages:
    """Makes actors of stages, each on the queue of its name, and knows them all."""

    def __init__(self, broker: Broker, runtime: Callable[[], Runtime]) -> None:
        """Declare actors at `broker`; `runtime` is asked when they run."""
        self._broker = broker
        self._runtime = runtime
        self._functions: dict[StageName, StageFunction] = {}

    def __call__(self, name: StageName) -> Callable[[StageFunction], dramatiq.Actor[[dict[str, Any]], None]]:
        """The decorator of one stage.

        The actor parses the job, keeps its lease, surrounds the stage with the middleware, goes on with the stages
        that follow for as long as there is room here, and enqueues the rest before the message is acknowledged.
        """

        def decorate(function: StageFunction) -> dramatiq.Actor[[dict[str, Any]], None]:
            def actor(payload: dict[str, Any]) -> None:
                self._work(name, payload)

            actor.__doc__ = function.__doc__
            self._functions[name] = function
            return dramatiq.actor(actor_name=name.value, queue_name=name.value, broker=self._broker)(actor)

        return decorate

    def _work(self, name: StageName, payload: dict[str, Any]) -> None:
        message = CurrentMessage.get_current_message()
        loop = get_event_loop_thread()
        if message is None or loop is None:
            raise RuntimeError(f"{name} was called outside a worker")
        job = Job.model_validate(payload)
        now = self._runtime()
        with now.registry.track(job.task_id, job.token, name) as work:
            at, step = run_on(
                loop.loop,
                carry(
                    message, job, work,
                    stages=self._functions, middleware=now.middleware, places=self._broker.places,
                ),
            )  # fmt: skip
            carry_out(self._broker, message, at, step, work, patience_s=now.lease_s)
