"""The try-on tasks of the demo, charged and written down as a shop's own back end does it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from commands.demo.looks import LOOKS, Look
from commands.demo.task import DemoTask, Input
from commands.sessions import write_session
from schemas.common import Product

if TYPE_CHECKING:
    import psycopg

    from commands.demo.image_host import ImageHost
    from commands.demo.pictures import Pictures

#: What one try-on costs and what each owner has before, credits.
PRICE = 1
BALANCE = 20


def tasks(database: psycopg.Connection, host: ImageHost, pictures: Pictures) -> list[DemoTask]:
    """One task for each look; its session is written and paid for."""
    owners = {channel: str(uuid.uuid4()) for channel in ("b2c", "b2b")}
    database.execute("INSERT INTO user_credits (user_id, balance) VALUES (%s, %s)", [owners["b2c"], BALANCE])
    database.execute("INSERT INTO store_credits (store_id, balance) VALUES (%s, %s)", [owners["b2b"], BALANCE])
    made = [_task(look, owners[look.channel], host, pictures) for look in LOOKS]
    for task in made:
        _charge(database, task, owners[task.channel])
        write_session(
            database,
            task.channel,
            session_id=task.session_id,
            owner_id=owners[task.channel],
            urls=task.payload["image_urls"],
            prompt=task.payload["prompt"],
            credits_used=task.credits,
        )
    return made


def _task(look: Look, owner: str, host: ImageHost, pictures: Pictures) -> DemoTask:
    inputs = (
        Input("person", pictures.person(look.person)),
        Input(look.outfit, pictures.worn(look.outfit)),
        *(Input(name, pictures.file(name)) for name in look.accessories),
    )
    task_id, session_id = str(uuid.uuid4()), str(uuid.uuid4())
    payload = {
        "task_id": task_id,
        "channel": look.channel,
        "user_id": owner if look.channel == "b2c" else None,
        "store_id": owner if look.channel == "b2b" else None,
        "session_id": session_id,
        "image_urls": [host.share(item.file) for item in inputs],
        "prompt": f"{look.prompt} {look.marker}".strip(),
        "request_id": f"req_{uuid.uuid4().hex}",
        "version": 1,
        "created_at": datetime.now(UTC).isoformat(),
    }
    title = ", ".join((look.person, look.outfit, *look.accessories))
    return DemoTask(
        Product.TRYON, task_id, session_id, title, look.channel, payload, inputs, look.prompt, PRICE, look.fails
    )


def _charge(database: psycopg.Connection, task: DemoTask, owner: str) -> None:
    if task.channel == "b2c":
        database.execute("SELECT deduct_credits(%s, %s, %s)", [owner, task.credits, "Virtual try-on"])
    else:
        database.execute(
            "SELECT deduct_store_credits(%s, %s, %s, %s)",
            [owner, task.credits, task.payload["request_id"], "Virtual try-on"],
        )
