"""A port that nobody listens on."""

from __future__ import annotations

import socket


def free_port() -> int:
    """A free port of the loopback interface; whoever wants it takes it soon."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
