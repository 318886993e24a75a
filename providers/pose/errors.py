"""Errors of the pose pool.

```
Unavailable
└── PoseNotLoaded   HTTP 503: no model is loaded (yet); says why
RateLimited
└── PoseBusy        HTTP 429: the queue is full; `retry_after` in seconds
```
"""

from __future__ import annotations

from schemas.errors import RateLimited, Unavailable


class PoseNotLoaded(Unavailable):
    """The size recommendation is not available: its model is not loaded."""

    code = "pose_model_not_loaded"


class PoseBusy(RateLimited):
    """Too many sizes are being estimated at the moment. Please try again in a second."""

    code = "pose_busy"
