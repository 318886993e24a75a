"""Which container this process runs in: what a health check needs to recognise the heartbeat of its own worker."""

from __future__ import annotations

import os
import socket


def container_name() -> str:
    """The same for all processes of a container and for no others; on a bare host, the host's.

    The containers of one pod share the host's name; each has its own space of process ids.
    """
    try:
        space = os.stat("/proc/self/ns/pid").st_ino  # noqa: PTH116  of what the link stands for, which is no path
    except FileNotFoundError:  # not Linux
        space = 0
    return f"{socket.gethostname()}/{space}"
