"""`manage.py enqueue`: push one try-on task with files or URLs and follow its progress."""

from __future__ import annotations

import asyncio
import time
import uuid
from contextlib import ExitStack
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError
from rich.console import Console

from commands.connections import addresses, records
from commands.local.picture_host import ImageHost
from commands.local.programs import fetch_networks
from commands.new_session import create_session
from commands.outcome import CommandError, CommandOutcome
from commands.picture_files import picture_suffix
from commands.progress_bars import ProgressBars
from commands.reachable import reach_redis
from providers.local_services import attach
from providers.producer.producer import Producer
from providers.redis_clients import sync_client
from schemas.common import Product
from schemas.progress import Progress, channel
from schemas.tasks import TryOnTask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.client import PubSub

    from schemas.records import JobRow
    from settings import Settings

LOOPBACK = ip_address("127.0.0.1")


def enqueue(  # noqa: PLR0913  the parts of a task
    settings: Settings,
    pictures: Sequence[str],
    *,
    prompt: str,
    user_id: str | None,
    store_id: str | None,
    session_id: str | None,
    deadline_s: float,
) -> CommandOutcome:
    """Push a task and follow it until it ends.

    Pictures: the person, then the outfit, then accessories. Without a `session_id`, create a session free of charge.

    Raises:
        CommandError: A picture is not usable, or the task did not end within `deadline_s` seconds.
        UnreachableError: A server does not answer.
    """
    with ExitStack() as stack:
        task = _make_task(
            _picture_urls(settings, pictures, stack), prompt, user_id, store_id, session_id or str(uuid.uuid4())
        )
        redis_url = addresses(settings).redis_url
        asyncio.run(reach_redis(redis_url))
        if session_id is None:
            owner = ("user_id", task.user_id) if task.user_id else ("store_id", task.owner_id)
            asyncio.run(create_session(settings, *owner, task.session_id, task.image_urls, task.prompt))
        client = sync_client(redis_url, socket_timeout_s=30.0)
        stack.callback(client.close)
        subscription = stack.enter_context(client.pubsub(ignore_subscribe_messages=True))
        subscription.subscribe(channel(task.task_id))
        bars = stack.enter_context(ProgressBars([("try-on", "pushed")], Console(stderr=True)))
        Producer(client).push(Product.TRYON, task)
        _follow(subscription, bars, deadline_s)
        row = asyncio.run(_read_job(settings, task.task_id))
    return _outcome(task, row)


def _follow(subscription: PubSub, bars: ProgressBars, deadline_s: float) -> None:
    until = time.monotonic() + deadline_s
    while (left := until - time.monotonic()) > 0:
        message = subscription.get_message(timeout=left)
        if message is not None:
            event = Progress.model_validate_json(message["data"])
            bars.show(0, event)
            if event.status.terminal:
                return


def _picture_urls(settings: Settings, pictures: Sequence[str], stack: ExitStack) -> list[str]:
    files = [picture for picture in pictures if not picture.lower().startswith(("http://", "https://"))]
    if not files:
        return list(pictures)
    up_is_running = attach(settings.data_dir) is not None
    networks = fetch_networks(settings) if up_is_running else settings.fetch_allowed_networks
    if not any(LOOPBACK in ip_network(network) for network in networks):
        raise CommandError(
            "Files are served to the workers from this machine, which they refuse unless FETCH_ALLOWED_NETWORKS has "
            "127.0.0.0/8: set it for them and for this command, or give http addresses."
        )
    host = stack.enter_context(ImageHost())
    for file in files:
        picture_suffix(Path(file))
    return [host.share(Path(picture)) if picture in files else picture for picture in pictures]


def _make_task(urls: list[str], prompt: str, user_id: str | None, store_id: str | None, session_id: str) -> TryOnTask:
    if user_id is None and store_id is None:
        user_id = str(uuid.uuid4())
    fields = {
        "task_id": str(uuid.uuid4()),
        "channel": "b2c" if user_id else "b2b",
        "user_id": user_id,
        "store_id": store_id,
        "session_id": session_id,
        "image_urls": tuple(urls),
        "prompt": prompt,
        "request_id": f"req_{uuid.uuid4().hex}",
    }
    try:
        return TryOnTask.model_validate(fields)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, item['loc'])) or 'task'}: {item['msg']}" for item in error.errors())
        raise CommandError(f"Invalid task: {faults}") from None


async def _read_job(settings: Settings, task_id: str) -> JobRow | None:
    async with records(settings) as found:
        return await found.job(task_id)


def _outcome(task: TryOnTask, row: JobRow | None) -> CommandOutcome:
    if row is None or not row.state.terminal:
        raise CommandError(f"Task {task.task_id} has not ended yet; look again with `manage.py status {task.task_id}`.")
    pictures = (row.outcome or {}).get("pictures", [])
    message = row.failure["message"] if row.failure else ""
    data = {
        "task_id": task.task_id,
        "session_id": task.session_id,
        "state": row.state.value,
        "urls": [picture["url"] for picture in pictures],
        "message": message,
    }
    text = "\n".join(data["urls"]) if pictures else _describe_end(row.state.value, message)
    return CommandOutcome(data, text, ok=bool(pictures))


def _describe_end(state: str, message: str) -> str:
    return f"{state}: {message}" if message.lower() != state else f"{state}."
