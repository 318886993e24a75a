"""Gateway of PostgREST and Storage: requires an API key for every request except signed links."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devtools.supabase_emulator.rest import Rest
from devtools.supabase_emulator.storage import EmulatedStorage
from devtools.supabase_emulator.wire import Reply, Request, json_reply

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg_pool import ConnectionPool


class Gateway:
    """Route requests to PostgREST or Storage."""

    def __init__(self, pool: ConnectionPool[Connection[Any]], secret: str) -> None:
        """Serve the database of `pool`; keys and links are signed with `secret`."""
        self._rest = Rest(pool, secret)
        self._storage = EmulatedStorage(pool, secret)

    def answer(self, request: Request) -> Reply:
        """Return the reply to a request."""
        match (request.method, *request.path):
            case ("GET", "storage", "v1", "object", "sign", bucket, *path):
                return self._storage.open_link(bucket, "/".join(path), request.query.get("token", ""))
            case _ if "apikey" not in request.headers:
                hint = "No `apikey` request header or url param was found."
                return json_reply(401, {"message": "No API key found in request", "hint": hint})
            case ("POST", "rest", "v1", "rpc", function):
                return self._rest.call(request, function)
            case (_, "storage", "v1", *path):
                return self._storage.answer(request, path)
            case _:
                return json_reply(404, {"message": "no Route matched with those values"})
