"""The real configuration with short deadlines and few connections."""

import runpy
from pathlib import Path

globals().update(runpy.run_path(str(Path(__file__).parents[3] / "http" / "gunicorn.conf.py")))

from api.server import protocol  # noqa: E402  found by the lines above

protocol.HEAD_S, protocol.BODY_S, protocol.STALL_S = 0.5, 1.0, 1.0
keepalive = 1
worker_connections = 20
