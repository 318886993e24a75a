"""The only place that touches Dramatiq's internals: its broker, consumer and layout of Redis, changed where needed.

- Consumers are woken by Redis instead of polling, and fetch no more messages than there are free slots.
- A job's message is enqueued once, however often that is tried.
- Delayed messages stay in Redis until they are due.
- Every time is that of Redis: the clocks of hosts differ.

| key | type | contents | deleted |
|---|---|---|---|
| `dramatiq:{queue}` | list | ids of messages | when fetched |
| `dramatiq:{queue}.msgs` | hash | messages by id, also delayed and fetched ones | when acknowledged |
| `dramatiq:__acks__.{worker}.{queue}` | set | ids of the messages that a worker has fetched | when acknowledged |
| `dramatiq:__heartbeats__` | sorted set | workers by their last command, milliseconds | some time after their death |
| `darkroom:delayed:{queue}` | sorted set | ids of messages by the time they are due, milliseconds | when due |
"""
