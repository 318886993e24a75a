"""The real configuration, with deadlines that a test can wait for and room for few."""

import runpy
from pathlib import Path

globals().update(runpy.run_path(str(Path(__file__).parents[3] / "http" / "gunicorn.conf.py")))

from api.server import protocol as server  # noqa: E402  found by the lines above

server.HEAD_S, server.BODY_S, server.STALL_S = 0.5, 1.0, 1.0
keepalive = 1
worker_connections = 20
