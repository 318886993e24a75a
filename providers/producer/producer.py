"""Python producers: validate a task and push it to the list of its product.

```python
from providers.producer.producer import Producer, enqueue_generation

enqueue_generation(channel="b2c", user_id=..., session_id=..., image_urls=[...], prompt="")
```

Imports neither Dramatiq nor a provider. The module's functions use one shared producer on `REDIS_URL`.
"""

from __future__ import annotations

import asyncio
import os
import threading
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import redis
import redis.asyncio
import redis.exceptions

from providers.redis_clients import sync_client
from schemas import keys
from schemas.common import Product
from schemas.errors import Unavailable
from schemas.tasks import TASK_LISTS, AnyTask, AvatarTask, ImagesTask, TryOnTask

#: Seconds for which a pushed task id suppresses duplicates. Afterwards the database rejects them.
PUSHED_TTL_S = 600
#: KEYS: the list, the duplicate marker. ARGV: the task, the marker's lifetime in seconds.
_PUSH_ONCE = """
if redis.call('set', KEYS[2], '1', 'NX', 'EX', ARGV[2]) then
  redis.call('lpush', KEYS[1], ARGV[1])
end
"""


class QueueUnavailable(Unavailable):
    """Redis queue unavailable"""  # noqa: D415  callers show this exact text

    code = "queue_unavailable"


class Producer:
    """Pushes tasks with the documented protocol: one LPUSH of one JSON object."""

    def __init__(self, client: redis.Redis) -> None:
        """Push through `client`, which `close` closes."""
        self._client = client

    def push(self, product: Product, task: AnyTask) -> str:
        """Push a valid task and return its task id.

        Raises:
            QueueUnavailable: Redis is unavailable.
        """
        try:
            self._client.lpush(TASK_LISTS[product], task.model_dump_json(exclude_none=True))
        except redis.exceptions.RedisError as error:
            raise QueueUnavailable(f"Redis queue unavailable: {type(error).__name__}") from error
        return task.task_id

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


class AsyncProducer:
    """Pushes tasks from an event loop, within a deadline."""

    def __init__(self, client: redis.asyncio.Redis, *, deadline_s: float) -> None:
        """Push through `client`, which its owner closes; time out after `deadline_s` seconds."""
        self._push_once = client.register_script(_PUSH_ONCE)
        self._deadline_s = deadline_s

    async def push(self, product: Product, task: AnyTask) -> str:
        """Push a valid task and return its id. Pushing it again within `PUSHED_TTL_S` succeeds without a duplicate.

        Raises:
            QueueUnavailable: Redis is unavailable or timed out; after a timeout the task may still arrive.
        """
        text = task.model_dump_json(exclude_none=True)
        try:
            async with asyncio.timeout(self._deadline_s):
                await self._push_once(keys=[TASK_LISTS[product], keys.pushed(task.task_id)], args=[text, PUSHED_TTL_S])
        except (redis.exceptions.RedisError, TimeoutError) as error:
            raise QueueUnavailable(f"Redis queue unavailable: {type(error).__name__}") from error
        return task.task_id


def enqueue_generation(  # noqa: PLR0913  the fields of the task
    *,
    channel: str,
    session_id: str,
    image_urls: Sequence[str],
    user_id: str | None = None,
    store_id: str | None = None,
    prompt: str = "",
    task_id: str | None = None,
    request_id: str | None = None,
) -> str:
    """Push a try-on task and return its task id.

    Raises:
        pydantic.ValidationError: The arguments are invalid; lists every error.
        QueueUnavailable: Redis is unavailable.
    """
    fields = {
        "task_id": task_id or str(uuid.uuid4()),
        "channel": channel,
        "user_id": user_id,
        "store_id": store_id,
        "session_id": session_id,
        "image_urls": tuple(image_urls),
        "prompt": prompt,
    }
    return _shared_producer().push(Product.TRYON, TryOnTask.model_validate(fields | _common_fields(request_id)))


def enqueue_photo_job(
    user_id: str,
    scene_description: str,
    avatar: Mapping[str, Any],
    channel: str = "web",
    *,
    request_id: str | None = None,
) -> str:
    """Push an avatar photo job and return its job id. Raises as `enqueue_generation`."""
    fields = {
        "job_id": str(uuid.uuid4()),
        "user_id": user_id,
        "scene_description": scene_description,
        "avatar": dict(avatar),
        "channel": channel,
    }
    return _shared_producer().push(Product.AVATAR, AvatarTask.model_validate(fields | _common_fields(request_id)))


def enqueue_images(  # noqa: PLR0913  the fields of the task
    *,
    job_id: str,
    workspace_id: str,
    prompt: str,
    style_id: str,
    count: int = 4,
    reference_image_url: str | None = None,
    user_id: str | None = None,
    task_id: str | None = None,
    request_id: str | None = None,
) -> str:
    """Push an image job and return its task id. Raises as `enqueue_generation`."""
    fields = {
        "task_id": task_id or str(uuid.uuid4()),
        "job_id": job_id,
        "workspace_id": workspace_id,
        "user_id": user_id,
        "prompt": prompt,
        "style_id": style_id,
        "count": count,
        "reference_image_url": reference_image_url,
    }
    return _shared_producer().push(Product.IMAGES, ImagesTask.model_validate(fields | _common_fields(request_id)))


def close() -> None:
    """Close the shared producer's connections; the next call opens new ones."""
    with _lock:
        producer = _producers.pop("shared", None)
    if producer is not None:
        producer.close()


_lock = threading.Lock()
_producers: dict[str, Producer] = {}


def _shared_producer() -> Producer:
    with _lock:
        if "shared" not in _producers:
            url = os.environ.get("REDIS_URL")
            if not url:
                raise QueueUnavailable("Redis queue unavailable: REDIS_URL is not set")
            # Two seconds, because web requests wait for the push.
            _producers["shared"] = Producer(sync_client(url, max_connections=8, socket_timeout_s=2.0))
        return _producers["shared"]


def _common_fields(request_id: str | None) -> dict[str, Any]:
    return {"request_id": request_id or f"req_{uuid.uuid4().hex}", "created_at": datetime.now(UTC), "version": 1}
