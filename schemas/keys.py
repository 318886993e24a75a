"""Every Redis key and channel that Darkroom uses, in one place.

| key | type | contents | lifetime |
|---|---|---|---|
| `schemas.tasks.TASK_LISTS` | list | tasks; producers LPUSH, ingest takes from the right | until ingested |
| `darkroom:processing:{consumer}:{list}` | list | tasks of one consumer, not yet in the database | until stored |
| `darkroom:consumers` | sorted set | consumers by their last heartbeat, milliseconds | until cleaned up |
| `darkroom:pushed:{task_id}` | string | marks a task as pushed by HTTP | ten minutes |
| `darkroom:wake` | list | at most one element: wakes a dispatcher | until popped |
| `darkroom:progress:{task_id}` | hash | the latest progress event and the fields that order it | `PROGRESS_TTL_S` |
| `darkroom:scratch:{task_id}` | hash | bytes between stages, with `SCRATCH=redis` | an hour |
| `darkroom:scratch-written` | sorted set | tasks with bytes in Redis by their last write, seconds | until purged |
| `darkroom:scratch-probe` | string | empty; shows whether Redis takes writes | a millisecond |
| `task_updates:{task_id}` | channel | progress events | |
| `darkroom:deliveries` | list | wakes outbox dispatchers; redeliveries (`providers/delivery/wakeup.py`) | until taken |
| `darkroom:last_sweep` | string | time of the last scheduled sweep, milliseconds | |
| `darkroom:served` | sorted set | products that running workers serve (`providers/served.py`) | `ANNOUNCEMENT_TTL_S` |
| `darkroom:cancel` | channel | `{task_id}:{token}` of jobs that were cancelled; older tokens have to stop | |
| `dramatiq:*` | | Dramatiq's queues (`pipelines/engine/dramatiq_redis`) | until acknowledged |
| `darkroom:delayed:{queue}` | sorted set | ids of delayed messages by the time they are due, milliseconds | until due |
| `darkroom:metrics`, `darkroom:gauges` | hash | counters and gauges (`providers/metrics/recorder.py`) | |
| `darkroom:models` | hash | answers of providers about their models (`providers/images/model_watch.py`) | |
| `darkroom:models:asking:{provider}` | string | lock of the worker that queries the model | a minute |
| `darkroom:webhooks:{provider}` | channel | provider job ids that have ended, from webhooks; wakes polls | |
| `darkroom:provider:{provider}:*` | several | limits and circuit (`providers/images/routing/admission.py`) | an hour |
| `darkroom:spent:{day}:provider:{provider}` | string | millionths of a US dollar, spent or reserved | two days |
| `darkroom:spent:{day}:owner:{owner}` | string | the same, per owner | two days |
| `darkroom:limit:http:{name}:{minute}` | string | HTTP calls of one token or address | two minutes |
| `darkroom:http` | channel | never published to; keeps an HTTP process's subscription open | |

`darkroom:refunds` is not a key: it is the name of a list in the table `darkroom_dead_letters`.
"""

from __future__ import annotations

CONSUMERS = "darkroom:consumers"
WAKE = "darkroom:wake"
#: Time of the last scheduled sweep, Unix time in milliseconds.
LAST_SWEEP = "darkroom:last_sweep"
CANCEL_CHANNEL = "darkroom:cancel"
MODELS = "darkroom:models"
BROKER_NAMESPACE = "dramatiq"
#: Sorted set of worker processes by their last heartbeat, milliseconds; maintained by Dramatiq.
HEARTBEATS = f"{BROKER_NAMESPACE}:__heartbeats__"


def processing(consumer: str, task_list: str) -> str:
    """Return the key of a consumer's processing list for one task list."""
    return f"darkroom:processing:{consumer}:{task_list}"


def pushed(task_id: str) -> str:
    """Return the key that marks a task as pushed by HTTP."""
    return f"darkroom:pushed:{task_id}"


def delayed(queue_name: str) -> str:
    """Return the key of a queue's delayed messages."""
    return f"darkroom:delayed:{queue_name}"


def asking_model(provider: str) -> str:
    """Return the key of the lock that a worker holds while it queries a provider's model."""
    return f"{MODELS}:asking:{provider}"


def provider_webhooks(provider: str) -> str:
    """Return the channel on which HTTP publishes the job ids of a provider's webhooks."""
    return f"darkroom:webhooks:{provider}"


def progress(task_id: str) -> str:
    """Return the key of a task's latest progress event."""
    return f"darkroom:progress:{task_id}"
