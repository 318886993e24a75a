"""`manage.py schema`: print JSON Schemas of all payloads, for producers and subscribers in other languages."""

from __future__ import annotations

from commands.outcome import CommandOutcome, json_text
from schemas.progress import Progress
from schemas.tasks import TASK_LISTS, TASK_TYPES


def schema() -> CommandOutcome:
    """Return the schemas of the task payloads, by Redis list, and of the progress event."""
    data = {
        **{TASK_LISTS[product]: kind.model_json_schema() for product, kind in TASK_TYPES.items()},
        "task_updates:{task_id}": Progress.model_json_schema(mode="serialization"),
    }
    return CommandOutcome(data, json_text(data))
