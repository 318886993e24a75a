"""Sends gunicorn's messages to the application's log."""

from __future__ import annotations

from typing import Any

from gunicorn.glogging import Logger  # type: ignore[import-untyped]  # it ships no types


class StructuredLogger(Logger):  # type: ignore[misc]  # the same
    """Passes messages to the root logger; the application writes the access log."""

    def setup(self, cfg: Any) -> None:
        """Configure the logger; gunicorn calls this again on a reload."""
        self.cfg = cfg
        self.loglevel = self.LOG_LEVELS[cfg.loglevel.lower()]
        self.error_log.setLevel(self.loglevel)
        self.error_log.propagate = True
        self._access_log_enabled = False
