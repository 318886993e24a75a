"""The real configuration with short deadlines and few connections."""

import runpy
from pathlib import Path

globals().update(runpy.run_path(str(Path(__file__).parents[3] / "http" / "gunicorn.conf.py")))

from api.server import protocol as server_protocol  # noqa: E402  found by the lines above
from api.tasks import hub  # noqa: E402

server_protocol.HEAD_S, server_protocol.BODY_S, server_protocol.STALL_S = 0.5, 1.0, 1.0
hub.PING_S = 0.5
keepalive = 1
worker_connections = 20
