"""Find a free TCP port."""

from __future__ import annotations

import socket


def free_port() -> int:
    """Return a free port of the loopback interface; another program may take it any time."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
