"""Orders of generations, and the tasks that they push."""

from __future__ import annotations

import json
from typing import Any

import redis

GENERATIONS = "wearon:tasks:generation"


def generation_order(user_id: str, **more: Any) -> dict[str, Any]:
    """Return the body of a shopper's order."""
    return {"channel": "b2c", "user_id": user_id, "model_image_url": "https://p.example/m.jpg", **more}


def pushed_tasks(redis_url: str, name: str = GENERATIONS) -> list[dict[str, Any]]:
    """Return the tasks in the list called `name`."""
    with redis.Redis.from_url(redis_url) as lists:
        return [json.loads(text) for text in lists.lrange(name, 0, -1)]
