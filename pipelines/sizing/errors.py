"""Errors of the size recommendation.

```
Invalid
├── SizingRefused   HTTP 422: the code of a gate, and what the person can do differently
└── UnknownChart    HTTP 422: no chart of that name
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from schemas.errors import Invalid
from schemas.gates import SENTENCES, Gate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class SizingRefused(Invalid):
    """No size can be estimated from this."""

    status: ClassVar[int] = 422
    report = False

    def __init__(
        self, gate: Gate, *, public_message: str | None = None, landmark_visibility: Mapping[str, float] | None = None
    ) -> None:
        """Refuse at `gate`; `landmark_visibility` is the visibility of each deciding joint, 0 to 1."""
        super().__init__(gate.value, public_message=public_message or SENTENCES[gate], code=gate.value)
        self.gate = gate
        self.landmark_visibility = dict(landmark_visibility) if landmark_visibility is not None else None

    @property
    def members(self) -> dict[str, Any]:
        """Members of the problem JSON beside `code` and `detail`."""
        return {"message": self.public_message, "landmark_visibility": self.landmark_visibility}


class UnknownChart(Invalid):
    """There is no size chart of that name."""

    code = "unknown_chart"
    status: ClassVar[int] = 422
    report = False

    def __init__(self, known: Iterable[str]) -> None:
        """Name the charts that exist."""
        super().__init__(
            public_message=f"There is no size chart of that name; choose one of {', '.join(sorted(known))}."
        )
