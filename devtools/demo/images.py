"""Batch of the demo: six product pictures of one bottle, as ordered by the back end of a shop tool."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from devtools.demo.charge import PRICE, new_payer, pay
from devtools.demo.task import DemoTask
from schemas.common import Product

if TYPE_CHECKING:
    import psycopg

    from commands.local.picture_host import ImageHost
    from devtools.demo.pictures import Pictures

STYLE = "warm"
COUNT = 6
PROMPT = "Bath oil in a glass bottle, for the autumn catalogue"
#: As in the table `darkroom_session_tables`.
CHANNEL = "workspace"


def tasks(database: psycopg.Connection, _host: ImageHost, _pictures: Pictures) -> list[DemoTask]:
    """Return one task whose job row is inserted and charged."""
    user, workspace, task_id, job_id = new_payer(database), *(str(uuid.uuid4()) for _ in range(3))
    payload = {
        "task_id": task_id,
        "job_id": job_id,
        "workspace_id": workspace,
        "user_id": user,
        "prompt": PROMPT,
        "style_id": STYLE,
        "count": COUNT,
        "reference_image_url": None,
        "request_id": f"req_{uuid.uuid4().hex}",
        "version": 1,
        "created_at": datetime.now(UTC).isoformat(),
    }
    database.execute(
        "INSERT INTO image_generation_jobs (id, workspace_id, user_id, task_id, style_id) VALUES (%s, %s, %s, %s, %s)",
        [job_id, workspace, user, task_id, STYLE],
    )
    title = f"{COUNT} pictures, {STYLE}"
    task = DemoTask(Product.IMAGES, task_id, job_id, title, CHANNEL, payload, (), PROMPT, PRICE)
    pay(database, task, owner=workspace, payer=user)
    return [task]
