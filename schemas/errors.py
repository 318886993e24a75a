"""Errors that carry their own policy.

```
DarkroomError
├── Transient            retried: the service may recover
│   ├── RateLimited      retried after the delay that the service asked for
│   ├── Ambiguous        retried, but never with another provider: the call may have been billed
│   └── Unavailable      one of our own services (database, Redis, storage) can't be reached
├── Rejected             never retried: the content was refused
├── Invalid              never retried: the task or our configuration is at fault
│   └── InputRefused     an input picture can't be used
├── TimedOut             never retried: the time limit of the generation has passed
├── Cancelled            never retried: the task was cancelled on request
└── Fenced               not an outcome: another worker owns the job; this worker stops without a report
```

`public_message` is the only text that may reach a session row, a progress event or an HTTP reply. `str(error)` and
`details` are for logs and the job's row; they must not contain addresses, keys or prompts.
"""

from __future__ import annotations

from typing import ClassVar


class DarkroomError(Exception):
    """Something went wrong. Please try again later."""

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False
    #: Whether to report the error to operators: a missing bucket concerns them, a refused picture only the user.
    report: ClassVar[bool] = True

    def __init__(
        self,
        message: str = "",
        *,
        public_message: str | None = None,
        retry_after: float | None = None,
        code: str | None = None,
        **details: str | float | None,
    ) -> None:
        """Create an error.

        Args:
            message: Description for the log.
            public_message: Text for the user; by default the docstring of the class.
            retry_after: Delay that the service asked for, in seconds.
            code: A more specific code than that of the class, in lower_snake_case.
            details: Structured fields for the job's row, such as `provider`, `http_status`.
        """
        self.public_message = public_message or (type(self).__doc__ or "").strip()
        super().__init__(message or self.public_message)
        self.retry_after = retry_after
        self.error_code = code or self.code
        self.details = {key: value for key, value in details.items() if value is not None}


class Transient(DarkroomError):
    """The picture could not be made because a service did not answer. Please try again later."""

    code = "transient"
    retryable = True


class RateLimited(Transient):
    """Rate limit exceeded"""

    code = "rate_limited"
    report = False


class Ambiguous(Transient):
    """The picture could not be made because a service did not answer in time. Please try again later."""

    code = "ambiguous"


class Unavailable(Transient):
    """The service is temporarily unavailable. Please try again later."""

    code = "unavailable"


class Rejected(DarkroomError):
    """Your image was flagged by the safety filter. Please use different images that comply with content guidelines."""

    code = "rejected"
    report = False


class Invalid(DarkroomError):
    """The task could not be processed because it is not valid."""

    code = "invalid"


class InputRefused(Invalid):
    """One of the pictures could not be used."""

    code = "input_refused"
    report = False


class TimedOut(DarkroomError):
    """Task timed out after 5 minutes"""

    code = "timed_out"


class Cancelled(DarkroomError):
    """Cancelled"""

    code = "cancelled"
    report = False


class Fenced(DarkroomError):
    """Another worker owns this job now."""

    code = "fenced"
    report = False
