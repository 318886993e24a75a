"""`/tasks/{task_id}` and `/tasks/{task_id}/events`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import ClassVar

from falcon.asgi import Request, Response

from api.addresses import Addresses
from api.client_address import client_group, is_loopback
from api.operations import Media, Operation, Scope
from api.problems import Problem
from api.signed_urls import EventUrls
from api.tasks.hub import Hub
from api.tasks.sse import event_id, frame
from api.tasks.stream_limits import StreamSubject
from api.tasks.task_states import OwnedState, TaskStates, job_state
from schemas.http import TaskState

EVENT_STREAM = "text/event-stream"


class TaskResource:
    """The latest state of a task."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation("The latest state of a task.", {200: TaskState}, scope=Scope.READ, problems=(404, 503))
    }

    def __init__(self, task_states: TaskStates, event_urls: EventUrls, addresses: Addresses) -> None:
        """Read from `task_states`; sign links with `event_urls`, based on `addresses`."""
        self._states, self._event_urls, self._addresses = task_states, event_urls, addresses

    async def on_get(self, req: Request, resp: Response, task_id: str) -> None:
        """Return the state, if the caller may see it."""
        state = (await _state(self._states, req, task_id)).progress
        events_url = self._addresses.base(req) + self._event_urls.events_path(task_id)
        answer = TaskState(**state.model_dump(), state=job_state(state), events_url=events_url)
        resp.content_type = "application/json"
        resp.data = answer.model_dump_json(exclude_none=True).encode()


class TaskEvents:
    """The progress of a task as server-sent events."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation(
            "A task's progress as server-sent events until it ends; 204 if `Last-Event-ID` is the terminal event.",
            {200: Media(EVENT_STREAM), 204: None},
            scope=Scope.READ,
            problems=(404, 429, 503),
            signed=True,
        )
    }

    def __init__(self, hub: Hub, task_states: TaskStates) -> None:
        """Subscribe at `hub`; read the state before the subscription from `task_states`."""
        self._hub, self._states = hub, task_states

    async def on_get(self, req: Request, resp: Response, task_id: str) -> None:
        """Subscribe, then read the current state, then stream: no event is missed."""
        subscription = await self._hub.join(task_id, _counted(req))
        try:
            state, owner_id = await _state(self._states, req, task_id)
            if owner_id is not None:
                subscription.count(StreamSubject.OWNER, owner_id)
        except BaseException:
            await subscription.close()
            raise
        seen = req.get_header("Last-Event-ID") == event_id(state)
        if seen and state.status.terminal:
            await subscription.close()
            resp.status = 204
            return
        if not seen:
            subscription.offer(frame(state))
        if self._hub.draining:
            subscription.finish()
        resp.content_type = EVENT_STREAM
        resp.set_header("X-Accel-Buffering", "no")
        resp.stream = subscription


def _counted(req: Request) -> Iterator[tuple[StreamSubject, str]]:
    if signature := req.get_param("signature"):
        yield StreamSubject.LINK, signature
    # All clients of a proxy on this machine that TRUSTED_PROXIES does not name have one of its addresses.
    if not is_loopback(req.remote_addr):
        yield StreamSubject.ADDRESS, client_group(req.remote_addr)


async def _state(task_states: TaskStates, req: Request, task_id: str) -> OwnedState:
    found = None if "\0" in task_id else await task_states.of(task_id, req.context.principal.owner)
    if found is None:
        raise Problem(HTTPStatus.NOT_FOUND, "task_unknown", "There is no such task.")
    return found
