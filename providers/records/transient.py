"""Which errors of PostgreSQL are temporary."""

from __future__ import annotations

#: Connection lost; rolled back by a deadlock or a concurrent change; out of connections, memory or disk; a lock or
#: an object is in use; cancelled or shut down; system error. `darkroom_refund_once` has the same list.
_CLASSES = frozenset({"08", "40", "53", "55", "57", "58"})
#: Read-only after a failover or while the disk is full; ended by a time limit of the transaction.
_CODES = frozenset({"25006", "25P03", "25P04"})


def is_transient(sqlstate: str) -> bool:
    """Return whether a repeated call may succeed. The failed transaction has changed nothing."""
    return sqlstate[:2] in _CLASSES or sqlstate in _CODES
