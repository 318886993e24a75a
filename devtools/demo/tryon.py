"""Try-on tasks of the demo: most are charged and inserted as by a shop's own back end, some are HTTP orders."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from commands.sessions import write_session
from devtools.demo.looks import LOOKS, Look
from devtools.demo.task import DemoTask, Input
from schemas.common import Product

if TYPE_CHECKING:
    import psycopg

    from commands.local.picture_host import ImageHost
    from devtools.demo.pictures import Pictures

#: Price of a try-on and initial balance of each owner, credits.
PRICE = 1
BALANCE = 20


def tasks(database: psycopg.Connection, host: ImageHost, pictures: Pictures) -> list[DemoTask]:
    """Return a task for each look; sessions of pushed tasks are inserted and charged."""
    owners = {channel: str(uuid.uuid4()) for channel in ("b2c", "b2b")}
    database.execute("INSERT INTO user_credits (user_id, balance) VALUES (%s, %s)", [owners["b2c"], BALANCE])
    database.execute("INSERT INTO store_credits (store_id, balance) VALUES (%s, %s)", [owners["b2b"], BALANCE])
    created = [(_order if look.ordered else _task)(look, owners[look.channel], host, pictures) for look in LOOKS]
    for task in created:
        if task.ordered:  # the service inserts and charges
            continue
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
    return created


def _task(look: Look, owner: str, host: ImageHost, pictures: Pictures) -> DemoTask:
    inputs, (task_id, session_id) = _inputs(look, pictures), (str(uuid.uuid4()) for _ in range(2))
    prompt = _prompt(look, pictures)
    payload = {
        "task_id": task_id,
        "channel": look.channel,
        "user_id": owner if look.channel == "b2c" else None,
        "store_id": owner if look.channel == "b2b" else None,
        "session_id": session_id,
        "image_urls": [host.share(item.file) for item in inputs],
        "prompt": f"{prompt} {look.marker}".strip(),
        "request_id": f"req_{uuid.uuid4().hex}",
        "version": 1,
        "created_at": datetime.now(UTC).isoformat(),
    }
    return DemoTask(
        Product.TRYON, task_id, session_id, _title(look, pictures), look.channel, payload, inputs, prompt, PRICE,
        look.fails,
    )  # fmt: skip


def _order(look: Look, owner: str, host: ImageHost, pictures: Pictures) -> DemoTask:
    inputs, prompt = _inputs(look, pictures), _prompt(look, pictures)
    person, outfit, *accessories = [host.share(item.file) for item in inputs]
    body = {
        "channel": look.channel,
        "user_id" if look.channel == "b2c" else "store_id": owner,
        "model_image_url": person,
        "outfit_image_url": outfit,
        "accessories": [{"type": name, "url": url} for name, url in zip(look.accessories, accessories, strict=True)],
        "prompt": prompt,
    }
    return DemoTask(
        Product.TRYON, "", "", _title(look, pictures), look.channel, body, inputs, prompt, PRICE, look.fails,
        ordered=True,
    )  # fmt: skip


def _inputs(look: Look, pictures: Pictures) -> tuple[Input, ...]:
    outfit = pictures.outfit(look.outfit)
    return (
        Input("person", pictures.file(pictures.person(look.person))),
        Input(outfit, pictures.file(outfit)),
        *(Input(name, pictures.file(name)) for name in look.accessories),
    )


def _title(look: Look, pictures: Pictures) -> str:
    return ", ".join((pictures.person(look.person), pictures.outfit(look.outfit), *look.accessories))


def _prompt(look: Look, pictures: Pictures) -> str:
    return look.prompt.format(outfit=pictures.outfit(look.outfit).capitalize())


def _charge(database: psycopg.Connection, task: DemoTask, owner: str) -> None:
    if task.channel == "b2c":
        database.execute("SELECT deduct_credits(%s, %s, %s)", [owner, task.credits, "Virtual try-on"])
    else:
        database.execute(
            "SELECT deduct_store_credits(%s, %s, %s, %s)",
            [owner, task.credits, task.payload["request_id"], "Virtual try-on"],
        )
