"""gunicorn's own messages, sent where the application's logs go."""

from __future__ import annotations

from typing import Any

from gunicorn.glogging import Logger  # type: ignore[import-untyped]  # it ships no types


class StructuredLogger(Logger):  # type: ignore[misc]  # the same
    """Hands messages to the root logger, and leaves the access log to the application."""

    def setup(self, cfg: Any) -> None:
        """Follow `cfg`; called again when it is reloaded."""
        self.cfg = cfg
        self.loglevel = self.LOG_LEVELS[cfg.loglevel.lower()]
        self.error_log.setLevel(self.loglevel)
        self.error_log.propagate = True
        self._access_log_enabled = False
