"""Serve until stopped; the environment variable `LOCAL_SUPABASE` holds port, secret and database URL."""

from __future__ import annotations

import os

from psycopg_pool import ConnectionPool

from devtools.supabase_emulator.database import as_authenticator
from devtools.supabase_emulator.gateway import Gateway
from devtools.supabase_emulator.server import serve

CONNECTIONS = 16


def main() -> None:
    """Serve on the loopback address."""
    port, secret, database_url = os.environ.pop("LOCAL_SUPABASE").split(" ", 2)
    with ConnectionPool(
        as_authenticator(database_url), min_size=1, max_size=CONNECTIONS, timeout=10, open=True
    ) as pool:
        serve(int(port), Gateway(pool, secret))


if __name__ == "__main__":
    main()
