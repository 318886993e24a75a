"""Logging: one JSON object per line with ISO timestamps, or coloured text on a terminal."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from typing import Any, Literal, TextIO

import orjson
import structlog
from structlog.typing import Processor

#: Libraries limited to warnings: at `info` they log every request with its URL.
_QUIET_LOGGERS = (
    "httpx",
    "httpcore",
    "httpx2",
    "openai",
    "PIL",
    "urllib3",
    "dramatiq",
    "periodiq",
    "psycopg.pool",
    "hpack",
)

# Exclude local variables from tracebacks: they contain keys, prompts and pictures.
_EXCEPTIONS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))


def configure(
    *, level: str = "info", style: Literal["auto", "json", "console"] = "auto", stream: TextIO | None = None
) -> None:
    """Send structlog's and the standard library's records to `stream` (standard error), in the same format.

    structlog's records bypass the standard library, which would take three times as long.

    Args:
        level: Minimum level.
        style: `json`, `console`, or `auto` for colours on a terminal and JSON elsewhere.
        stream: Output stream.
    """
    out = stream or sys.stderr
    console = style == "console" or (style == "auto" and out.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    render: list[Processor] = (
        [structlog.dev.ConsoleRenderer()]
        if console
        else [_EXCEPTIONS, structlog.processors.JSONRenderer(serializer=_dumps)]
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET_LOGGERS:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[*shared, *render],
        logger_factory=_LineWriter(out),
        wrapper_class=structlog.make_filtering_bound_logger(root.level),
        cache_logger_on_first_use=True,
    )


class _LineWriter:
    """Logger factory and logger that writes whole lines from any thread."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def __call__(self, *_: Any) -> _LineWriter:
        return self

    def msg(self, line: str) -> None:
        # A closed or broken log stream must not fail the work.
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._stream.write(line + "\n")
            self._stream.flush()

    debug = info = warning = error = critical = msg


def _dumps(value: Any, **_: Any) -> str:
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
