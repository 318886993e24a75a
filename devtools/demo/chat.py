"""Chat messages of the avatar tasks, and the threads that show them in the gallery."""

from __future__ import annotations

import time
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

from devtools.demo.task import ChatMessage
from schemas.common import Product

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import psycopg

    from devtools.demo.task import DemoTask, Result

#: Timeout and interval of waiting for a message, seconds; the outbox sends it after the outcome.
TIMEOUT_S = 15.0
POLL_S = 0.05
SENT_MESSAGE = (
    "SELECT kind, channel, message FROM darkroom_deliveries"
    " WHERE task_id = %s AND channel IN ('web', 'whatsapp') AND state = 'sent'"
)
CHAT_NAMES = {"web": "in the web chat", "whatsapp": "on WhatsApp"}


def chat_message_of(database: psycopg.Connection, task: DemoTask) -> ChatMessage | None:
    """Return the message to the user; None if there is none within `TIMEOUT_S`, or if the product has no chat."""
    deadline = time.monotonic() + TIMEOUT_S
    while task.product is Product.AVATAR and time.monotonic() < deadline:
        row = database.execute(SENT_MESSAGE, [task.task_id]).fetchone()
        if row:
            kind, channel, message = row
            return ChatMessage(kind, channel, str(message.get("url") or message.get("text")))
        time.sleep(POLL_S)
    return None


def threads(folder: Path, results: Sequence[Result]) -> str:
    """Return the HTML of a thread for each companion, in the order of its messages."""
    chats = [result for result in results if result.task.product is Product.AVATAR]
    return "\n".join(_thread(folder, name, list(part)) for name, part in groupby(chats, lambda item: item.task.title))


def _thread(folder: Path, name: str, results: Sequence[Result]) -> str:
    channel = results[0].task.channel
    lines = "".join(f'<p class="asks">{escape(result.task.prompt)}</p>{_reply(folder, result)}' for result in results)
    return (
        f'<div class="chat {escape(channel)}"><header><i>{escape(name[:1])}</i><b>{escape(name)}</b>'
        f"<span>{CHAT_NAMES[channel]}</span></header>{lines}</div>"
    )


def _reply(folder: Path, result: Result) -> str:
    chat_message = result.chat_message
    if chat_message is None:
        return f'<p class="says">{escape(result.status)}: no message</p>'
    if chat_message.kind != "photo" or result.picture is None:
        return f'<p class="says">{escape(chat_message.text)}</p>'
    link = escape(result.picture.relative_to(folder).as_posix())
    photo = f'<a href="{link}"><img src="{link}" alt="{escape(result.task.prompt)}" loading="lazy"></a>'
    if chat_message.channel == "web":
        return f'<div class="says photo">{photo}</div>'
    address = escape(chat_message.text.split("?")[0])
    return (
        f'<p class="says">Here\'s your photo (link valid 24h): <a href="{link}">{address}…</a></p>'
        f'<div class="behind">{photo}<span>the linked photo</span></div>'
    )
