"""The port to the database. The SQL functions are the same behind every implementation."""

from __future__ import annotations

from typing import Any, Protocol

from schemas.errors import Invalid, Unavailable


class DatabaseUnavailable(Unavailable):
    """The service is temporarily unavailable. Please try again later."""

    code = "database_unavailable"


class DatabaseRefused(Invalid):
    """The service is not set up correctly. Please try again later."""

    code = "database_refused"


class Rpc(Protocol):
    """Calls one SQL function of `schemas/functions`, as one transaction."""

    async def call(self, function: str, **arguments: Any) -> Any:
        """Call `function` with named arguments and return its result as JSON values.

        Raises:
            DatabaseUnavailable: The database can't be reached or did not answer in time.
            DatabaseRefused: Wrong credentials, or a function is missing; the message names the migration to apply.
        """

    async def aclose(self) -> None:
        """Close the connections."""
