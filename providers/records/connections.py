"""A pool of PostgreSQL connections that belongs to one event loop, with a deadline for every statement.

psycopg's own pool waits longer and longer between attempts to reconnect: after an outage of minutes it would stay
without connections for longer than a lease lasts. Here each call that finds no connection opens one.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
from collections import deque
from typing import Any

import psycopg

#: Idle connections are closed after this many seconds.
MAX_IDLE_S = 600.0


class Connections:
    """At most `max_connections` connections, opened when needed and checked before they are used again."""

    def __init__(self, dsn: str, *, max_connections: int, timeout_s: float) -> None:
        """Prepare the pool; nothing connects before the first statement.

        Args:
            dsn: `postgresql://…`.
            max_connections: Maximum number of connections.
            timeout_s: Seconds that a statement may take, including the wait for a connection.
        """
        self._dsn = dsn
        self._timeout_s = timeout_s
        self._slots = asyncio.Semaphore(max_connections)
        self._idle: deque[tuple[float, psycopg.AsyncConnection]] = deque()
        self._options: dict[str, Any] = {
            "autocommit": True,
            "application_name": "darkroom",
            "connect_timeout": max(2, round(timeout_s)),
            "options": f"-c statement_timeout={round(timeout_s * 1000)}",
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            # How long sent bytes may stay unacknowledged before a dead server is noticed, milliseconds.
            "tcp_user_timeout": round(timeout_s * 1000),
        }

    async def fetch_one(self, statement: bytes, values: dict[str, Any]) -> tuple[Any, ...] | None:
        """Execute a statement in a transaction of its own and return its first row.

        Raises:
            TimeoutError: No connection was free, or none could be opened, within the deadline.
            psycopg.Error: The statement failed, or the server did not answer within the deadline.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout_s
        async with asyncio.timeout_at(deadline):
            await self._slots.acquire()
        try:
            connection = await self._take_idle() or await self._connect(deadline)
            # A server that is frozen answers neither the statement nor psycopg's request to cancel it.
            cut = loop.call_at(deadline, _shut_down, connection)
            try:
                cursor = await connection.execute(statement, values)
                return await cursor.fetchone()
            finally:
                cut.cancel()
                await self._give_back(connection)
        finally:
            self._slots.release()

    async def aclose(self) -> None:
        """Close the idle connections."""
        while self._idle:
            await self._idle.popleft()[1].close()

    async def _connect(self, deadline: float) -> psycopg.AsyncConnection:
        async with asyncio.timeout_at(deadline):
            return await psycopg.AsyncConnection.connect(self._dsn, **self._options)

    async def _take_idle(self) -> psycopg.AsyncConnection | None:
        while self._idle:
            _, connection = self._idle.pop()
            if _is_alive(connection):
                return connection
            await connection.close()
        return None

    async def _give_back(self, connection: psycopg.AsyncConnection) -> None:
        now = asyncio.get_running_loop().time()
        if connection.info.transaction_status is psycopg.pq.TransactionStatus.IDLE:
            self._idle.append((now, connection))
        else:
            await connection.close()
        while self._idle and self._idle[0][0] < now - MAX_IDLE_S:
            await self._idle.popleft()[1].close()


def _is_alive(connection: psycopg.AsyncConnection) -> bool:
    """Return whether the server still holds an idle connection, without a round trip: a closed one is readable."""
    readable = select.poll()
    readable.register(connection.fileno(), select.POLLIN)
    try:
        while readable.poll(0):
            connection.pgconn.consume_input()
    except psycopg.OperationalError:
        return False
    return not connection.closed


def _shut_down(connection: psycopg.AsyncConnection) -> None:
    """End a connection under the statement that waits for its answer; the statement fails at once."""
    if not connection.closed:
        with socket.socket(fileno=os.dup(connection.fileno())) as duplicate:
            duplicate.shutdown(socket.SHUT_RDWR)
