"""Every Redis key and channel that Darkroom uses, in one place.

| key | type | what | lives |
|---|---|---|---|
| `schemas.tasks.TASK_LISTS` | list | tasks; producers LPUSH, we take from the right | until taken |
| `darkroom:processing:{consumer}:{list}` | list | taken by one consumer, not yet in the database | until written |
| `darkroom:consumers` | sorted set | consumers by their last sign of life, milliseconds | until cleaned up |
| `darkroom:pushed:{task_id}` | string | HTTP has pushed this task | ten minutes |
| `darkroom:wake` | list | at most one element: something may be dispatched | until popped |
| `darkroom:job:{task_id}` | hash | `token`, `ended`, `at`, `taken`, and a field per message claimed | a day |
| `darkroom:progress:{task_id}` | hash | the latest progress event and what orders it | `PROGRESS_TTL_S` |
| `darkroom:scratch:{task_id}` | hash | bytes between stages, where the scratch store is Redis | an hour |
| `task_updates:{task_id}` | channel | progress events | |
| `darkroom:deliveries` | list | wakes dispatchers, redelivers dead ones (`providers.delivery.wakeup`) | until taken |
| `darkroom:last_sweep` | string | when a scheduled sweep was last made, milliseconds | |
| `darkroom:served` | sorted set | which products running workers make (`providers/served.py`) | `ANNOUNCEMENT_TTL_S` |
| `darkroom:cancel` | channel | ids of tasks that were cancelled | |
| `dramatiq:*` | | the broker's queues (`pipelines.engine.dramatiq_redis.broker_scripts`) | until acknowledged |
| `darkroom:delayed:{queue}` | sorted set | ids of delayed messages by when they are due, milliseconds | until due |
| `darkroom:metrics`, `darkroom:gauges` | hash | what is counted (`providers/metrics/recorder.py`) | |
| `darkroom:models` | hash | what providers said about their models (`providers/images/model_watch.py`) | |
| `darkroom:models:asking:{provider}` | string | a worker asks about the model right now | a minute |
| `darkroom:webhooks:{provider}` | channel | ids of ended work that a provider's webhooks name; wakes their polls | |
| `darkroom:http` | channel | tells HTTP processes which tasks to watch | |

The image router's and the HTTP service's limits are described beside their code (`darkroom:limit:*`).
"""

from __future__ import annotations

CONSUMERS = "darkroom:consumers"
WAKE = "darkroom:wake"
#: When a scheduled sweep was last made, Unix time in milliseconds.
LAST_SWEEP = "darkroom:last_sweep"
CANCEL_CHANNEL = "darkroom:cancel"
MODELS = "darkroom:models"
BROKER_NAMESPACE = "dramatiq"
#: Every worker process by its last sign of life, milliseconds; Dramatiq keeps it.
HEARTBEATS = f"{BROKER_NAMESPACE}:__heartbeats__"

JOB_TTL_S = 86_400


def processing(consumer: str, task_list: str) -> str:
    """The processing list of one consumer for one producers' list."""
    return f"darkroom:processing:{consumer}:{task_list}"


def pushed(task_id: str) -> str:
    """Return the key of the note that HTTP has pushed a task."""
    return f"darkroom:pushed:{task_id}"


def delayed(queue_name: str) -> str:
    """Return the key of the messages of a queue that are not due yet."""
    return f"darkroom:delayed:{queue_name}"


def job(task_id: str) -> str:
    """Who may work on a job, and which of its messages were claimed."""
    return f"darkroom:job:{task_id}"


def asking_model(provider: str) -> str:
    """Held by the worker that asks a provider about its model."""
    return f"{MODELS}:asking:{provider}"


def provider_webhooks(provider: str) -> str:
    """The channel on which the HTTP service publishes the ids that a provider's webhooks name."""
    return f"darkroom:webhooks:{provider}"


def progress(task_id: str) -> str:
    """The latest progress event of a task."""
    return f"darkroom:progress:{task_id}"
