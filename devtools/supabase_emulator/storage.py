"""Storage's buckets, uploads and signed links; objects are kept in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt
import orjson
import psycopg

from devtools.supabase_emulator import storage_errors
from devtools.supabase_emulator.multipart import Part, parts
from devtools.supabase_emulator.session import UnknownRoleError, acting_as
from devtools.supabase_emulator.tokens import claims_of, sign_link
from devtools.supabase_emulator.wire import Reply, Request, json_reply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection
    from psycopg_pool import ConnectionPool

#: Default maximum size of an object.
FILE_SIZE_LIMIT_BYTES = 50_000_000
_BUCKET = (
    "select jsonb_build_object('id', id, 'name', name, 'owner', owner, 'public', public, 'created_at', created_at,"
    " 'updated_at', updated_at, 'file_size_limit', file_size_limit, 'allowed_mime_types', allowed_mime_types)"
    " from storage.buckets"
)
_INSERT = "insert into storage.objects (bucket_id, name, content_type, cache_control, data) values (%s, %s, %s, %s, %s)"
_UPSERT = (
    " on conflict (bucket_id, name) do update set content_type = excluded.content_type,"
    " cache_control = excluded.cache_control, data = excluded.data, updated_at = now()"
)


class EmulatedStorage:
    """Serve `/storage/v1/…`."""

    def __init__(self, pool: ConnectionPool[Connection[Any]], secret: str) -> None:
        """Keep objects in the database of `pool`; tokens and links are signed with `secret`."""
        self._pool = pool
        self._secret = secret

    def answer(self, request: Request, path: Sequence[str]) -> Reply:
        """Return the reply to a request below `/storage/v1/`."""
        try:
            with acting_as(self._pool, claims_of(self._secret, request.token)) as connection:
                return self._dispatch(connection, request, path)
        except (jwt.InvalidTokenError, UnknownRoleError):
            return storage_errors.refused("signature verification failed")
        except psycopg.errors.InsufficientPrivilege as error:
            return storage_errors.refused(error.diag.message_primary or "")
        except psycopg.errors.UniqueViolation:
            return storage_errors.duplicate()
        except psycopg.Error:
            return json_reply(500, {"statusCode": "500", "error": "Internal", "message": "Internal Server Error"})

    def open_link(self, bucket: str, name: str, token: str) -> Reply:
        """Return the object of a signed link."""
        try:
            claims = claims_of(self._secret, token)
        except jwt.InvalidTokenError as error:
            return storage_errors.link_refused(str(error))
        if claims.get("url") != f"{bucket}/{name}":
            return storage_errors.link_refused("the link is for another object")
        with acting_as(self._pool, {"role": "service_role"}) as connection:
            row = connection.execute(
                "select data, content_type, cache_control from storage.objects where bucket_id = %s and name = %s",
                [bucket, name],
            ).fetchone()
        if row is None:
            return storage_errors.object_missing()
        return Reply(200, row[0], {"content-type": row[1], "cache-control": row[2]})

    def _dispatch(self, connection: Connection[Any], request: Request, path: Sequence[str]) -> Reply:
        match (request.method, *path):
            case ("GET", "bucket"):
                return json_reply(200, [row[0] for row in connection.execute(_BUCKET)])
            case ("POST", "bucket"):
                return _create_bucket(connection, orjson.loads(request.body))
            case ("POST", "object", "sign", bucket):
                return self._sign_many(connection, bucket, orjson.loads(request.body))
            case ("POST", "object", "sign", bucket, *names):
                return self._sign(connection, f"{bucket}/{'/'.join(names)}", orjson.loads(request.body))
            case ("POST", "object", bucket, *names) if names:
                return self._upload(connection, request, bucket, "/".join(names))
            case _:
                return storage_errors.bad_request("no such route")

    def _sign(self, connection: Connection[Any], target: str, body: dict[str, Any]) -> Reply:
        found = connection.execute(
            "select from storage.objects where bucket_id || '/' || name = %s", [target]
        ).fetchone()
        if found is None:
            return storage_errors.object_missing()
        token = sign_link(self._secret, target, int(body["expiresIn"]))
        return json_reply(200, {"signedURL": f"/object/sign/{target}?token={token}"})

    def _sign_many(self, connection: Connection[Any], bucket: str, body: dict[str, Any]) -> Reply:
        query = "select name from storage.objects where bucket_id = %s and name = any (%s)"
        stored = {row[0] for row in connection.execute(query, [bucket, body["paths"]])}
        items: list[dict[str, str | None]] = []
        for path in body["paths"]:
            if path in stored:
                token = sign_link(self._secret, f"{bucket}/{path}", int(body["expiresIn"]))
                link = f"/object/sign/{bucket}/{path}?token={token}"
                items.append({"error": None, "path": path, "signedURL": link})
            else:
                error = "Either the object does not exist or you do not have access to it"
                items.append({"error": error, "path": path, "signedURL": None})
        return json_reply(200, items)

    def _upload(self, connection: Connection[Any], request: Request, bucket: str, name: str) -> Reply:
        form = parts(request.headers.get("content-type", ""), request.body)
        file = form.get("file")
        if file is None:
            return storage_errors.bad_request("no file was sent")
        refusal = self._refusal(bucket, file)
        if refusal:
            return refusal
        upsert = request.headers.get("x-upsert") == "true"
        cache_s = form.get("cacheControl", Part("", b"3600")).data.decode()
        connection.execute(
            _INSERT + (_UPSERT if upsert else ""), [bucket, name, file.content_type, f"max-age={cache_s}", file.data]
        )
        return json_reply(200, {"Id": "", "Key": f"{bucket}/{name}"})

    def _refusal(self, bucket: str, file: Part) -> Reply | None:
        # The limits apply even to roles that can't read the bucket, so read them as service_role.
        with acting_as(self._pool, {"role": "service_role"}) as connection:
            limits = connection.execute(
                "select coalesce(file_size_limit, %s), allowed_mime_types from storage.buckets where id = %s",
                [FILE_SIZE_LIMIT_BYTES, bucket],
            ).fetchone()
        if limits is None:
            return storage_errors.bucket_missing()
        if len(file.data) > limits[0]:
            return storage_errors.too_large()
        if limits[1] and file.content_type not in limits[1]:
            return storage_errors.type_refused(file.content_type)
        return None


def _create_bucket(connection: Connection[Any], body: dict[str, Any]) -> Reply:
    connection.execute(
        "insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)"
        " values (%(id)s, %(name)s, %(public)s, %(file_size_limit)s, %(allowed_mime_types)s)",
        {"public": False, "file_size_limit": None, "allowed_mime_types": None, **body},
    )
    return json_reply(200, {"name": body["name"]})
