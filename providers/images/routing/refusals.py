"""The refusals that one request met, and whether the next provider may try."""

from __future__ import annotations

from providers.images import errors as faults
from schemas.errors import Ambiguous, DarkroomError, Rejected, Unavailable


class Refusals:
    """Collects the errors of providers that certainly made no picture."""

    def __init__(self, *, moderation_fallback: bool) -> None:
        """Start without any; with `moderation_fallback` the first refusal of the content counts as one."""
        self._moderation_fallback = moderation_fallback
        self._refused: list[DarkroomError] = []
        self._rejected: Rejected | None = None

    def add(self, error: DarkroomError) -> None:
        """Keep the error of a call after which the next provider may try.

        Raises:
            DarkroomError: No other provider may try. After a refusal of the content this is that refusal, unless the
                fall-back gave no clear answer: its work may be resumed.
        """
        if isinstance(error, Rejected) and self._moderation_fallback and self._rejected is None:
            self._rejected = error
        elif faults.refuses_to_serve(error):
            self._refused.append(error)
        elif self._rejected and not isinstance(error, Ambiguous):
            raise self._rejected from None
        else:
            raise error

    def not_admitted(self, error: DarkroomError) -> DarkroomError:
        """Return what a request fails with that none of the remaining providers admits."""
        return self._rejected if self._rejected and not isinstance(error, Unavailable) else error

    def final(self) -> DarkroomError:
        """Return what a request fails with after every provider refused."""
        if self._rejected:
            return self._rejected
        return next((error for error in self._refused if error.retryable), self._refused[-1])
