"""`manage.py schema`: JSON Schemas of every payload, for producers and subscribers in other languages."""

from __future__ import annotations

from commands.outcome import CommandOutcome, json_text
from schemas.progress import Progress
from schemas.tasks import TASK_LISTS, TASK_TYPES


def schema() -> CommandOutcome:
    """The task payloads by the list they are pushed to, and the progress event."""
    data = {
        **{TASK_LISTS[product]: kind.model_json_schema() for product, kind in TASK_TYPES.items()},
        "task_updates:{task_id}": Progress.model_json_schema(mode="serialization"),
    }
    return CommandOutcome(data, json_text(data))
