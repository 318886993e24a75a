"""Avatar tasks of the demo: messages of two users to their companions."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from devtools.demo.charge import PRICE, new_payer, pay
from devtools.demo.task import DemoTask
from schemas.common import Product

if TYPE_CHECKING:
    import psycopg

    from commands.local.picture_host import ImageHost
    from devtools.demo.pictures import Pictures

#: Invented number; mock mode sends nothing.
PHONE = "+49 151 00000000"


@dataclass(frozen=True, slots=True)
class Companion:
    """An avatar, the channel of its chat, and its scenes, each with a marker for the mock provider."""

    name: str
    channel: str
    avatar: dict[str, Any]
    scenes: tuple[tuple[str, str], ...]


COMPANIONS = (
    Companion(
        "Mia",
        "web",
        {
            "gender": "woman",
            "age": 27,
            "nationality": "Austrian",
            "physical_description": "freckles, short copper hair, green raincoat",
        },
        (
            ("Send me a photo of you at the lake this morning", ""),
            ("And one from the café, with your book?", ""),
            ("Now one that the safety filter refuses", "[mock:moderation]"),
        ),
    ),
    Companion(
        "Ravi",
        "whatsapp",
        {"gender": "man", "age": 31, "nationality": "Indian", "physical_description": "curly dark hair, round glasses"},
        (("How does the view from the summit look?", ""),),
    ),
)


def tasks(database: psycopg.Connection, _host: ImageHost, _pictures: Pictures) -> list[DemoTask]:
    """Return a charged task for each message."""
    return [task for companion in COMPANIONS for task in _tasks(database, companion)]


def _tasks(database: psycopg.Connection, companion: Companion) -> list[DemoTask]:
    user, avatar = new_payer(database), {"id": str(uuid.uuid4()), "name": companion.name} | companion.avatar
    database.execute("INSERT INTO user_preferences (user_id, whatsapp_phone) VALUES (%s, %s)", [user, PHONE])
    created = [_task(companion, user, avatar, scene, marker) for scene, marker in companion.scenes]
    for task in created:
        pay(database, task, owner=user, payer=user)
    return created


def _task(companion: Companion, user: str, avatar: dict[str, Any], scene: str, marker: str) -> DemoTask:
    job_id = str(uuid.uuid4())
    payload = {
        "job_id": job_id,
        "user_id": user,
        "scene_description": f"{scene} {marker}".strip(),
        "channel": companion.channel,
        "avatar": avatar,
        "request_id": f"req_{uuid.uuid4().hex}",
        "version": 1,
        "created_at": datetime.now(UTC).isoformat(),
    }
    return DemoTask(
        Product.AVATAR, job_id, job_id, companion.name, companion.channel, payload, (), scene, PRICE, bool(marker)
    )
