"""The emulator responds like Supabase, including the error bodies that clients parse."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import httpx
import jwt
import psycopg
import pytest

from devtools.supabase_emulator import tokens
from devtools.supabase_emulator.multipart import parts
from tests.supabase_emulator import local_supabase
from tests.waiting import LIMIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devtools.supabase_emulator import LocalSupabase

__all__ = ["local_supabase"]
RPC = "/rest/v1/rpc/"


@pytest.fixture
def client(local_supabase: LocalSupabase) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=local_supabase.url, trust_env=False) as opened:
        yield opened


def headers(key: str) -> dict[str, str]:
    return {"apikey": key, "authorization": f"Bearer {key}"}


@pytest.fixture
def service(local_supabase: LocalSupabase) -> dict[str, str]:
    return headers(local_supabase.service_role_key)


def body(answer: httpx.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()


def test_a_result_is_bare_json(client: httpx.Client, service: dict[str, str]) -> None:
    assert body(client.post(RPC + "darkroom_ping", json={}, headers=service)) == (200, True)
    assert body(client.post(RPC + "darkroom_job", json={"p_task_id": "x"}, headers=service)) == (200, None)


def test_a_set_is_returned_as_a_list_and_void_as_no_content(
    client: httpx.Client, service: dict[str, str], database_url: str
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "create function numbers() returns table (n integer, m text) language sql as 'values (1, null), (2, null)'"
        )
        connection.execute("create function nothing(p_a text, p_b text default 'b') returns void language sql as ''")
    status, rows = body(client.post(RPC + "numbers", json={}, headers=service))
    assert (status, sorted(rows, key=str)) == (200, [{"n": 1, "m": None}, {"n": 2, "m": None}])
    answer = client.post(RPC + "nothing", json={"p_a": "a"}, headers=service)
    assert (answer.status_code, answer.content) == (204, b"")


def test_arguments_are_converted_to_the_types_of_the_function(
    client: httpx.Client, service: dict[str, str], database_url: str
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "create function echo(p_list text[], p_json jsonb, p_number integer, p_none jsonb) returns jsonb"
            " language sql as 'select jsonb_build_array(p_list, p_json, p_number, p_none is null)'"
        )
    arguments = {"p_list": ["a", 'b"'], "p_json": "text", "p_number": 7, "p_none": None}
    assert body(client.post(RPC + "echo", json=arguments, headers=service)) == (200, [["a", 'b"'], "text", 7, True])


def test_a_missing_function_is_reported_as_absent_from_the_schema_cache(
    client: httpx.Client, service: dict[str, str]
) -> None:
    for name, arguments in (("none", {"p_a": 1}), ("darkroom_job", {"p_b": 1}), ("darkroom_job", {})):
        status, error = body(client.post(RPC + name, json=arguments, headers=service))
        assert (status, error["code"]) == (404, "PGRST202")
        assert f"public.{name}(" in error["message"]


def test_a_role_without_the_right_is_refused(client: httpx.Client, local_supabase: LocalSupabase) -> None:
    status, error = body(client.post(RPC + "darkroom_job_counts", json={}, headers=headers(local_supabase.anon_key)))
    assert (status, error["code"]) == (401, "42501")
    assert error["message"] == "permission denied for function darkroom_job_counts"


def test_an_authenticated_user_has_fewer_rights_than_the_service_role(
    client: httpx.Client, local_supabase: LocalSupabase
) -> None:
    key = tokens.issue(local_supabase._secret, "authenticated")
    status, error = body(client.post(RPC + "darkroom_job_counts", json={}, headers=headers(key)))
    assert (status, error["code"]) == (403, "42501")


def test_a_token_with_an_unknown_role_is_refused(client: httpx.Client, local_supabase: LocalSupabase) -> None:
    key = tokens.issue(local_supabase._secret, "postgres")
    status, error = body(client.post(RPC + "darkroom_job_counts", json={}, headers=headers(key)))
    assert (status, error["message"]) == (401, 'role "postgres" does not exist')


def test_an_expired_token_is_refused(client: httpx.Client, local_supabase: LocalSupabase) -> None:
    key = jwt.encode({"role": "service_role", "exp": 1}, local_supabase._secret, tokens.ALGORITHM)
    status, error = body(client.post(RPC + "darkroom_job_counts", json={}, headers=headers(key)))
    assert (status, error["code"], error["message"]) == (401, "PGRST303", "JWT expired")


@pytest.mark.parametrize(
    ("claims", "secret"),
    [({"role": "service_role"}, "f" * 64), ({"role": "postgres"}, "f" * 64)],
)
def test_a_token_of_another_secret_is_refused(client: httpx.Client, claims: dict[str, str], secret: str) -> None:
    answer = client.post(RPC + "darkroom_job_counts", json={}, headers=headers(jwt.encode(claims, secret, "HS256")))
    assert (answer.status_code, answer.json()["code"]) == (401, "PGRST301")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_an_unsigned_token_is_refused(client: httpx.Client) -> None:
    token = jwt.encode({"role": "service_role"}, "", "none")
    assert client.post(RPC + "darkroom_job_counts", json={}, headers=headers(token)).status_code == 401


def test_requests_without_a_key_are_refused(client: httpx.Client) -> None:
    assert body(client.post(RPC + "darkroom_job_counts", json={}))[0] == 401
    assert body(client.get("/storage/v1/bucket"))[0] == 401


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"null"])
def test_a_body_that_is_not_an_object_is_refused(client: httpx.Client, service: dict[str, str], content: bytes) -> None:
    status, error = body(client.post(RPC + "darkroom_job_counts", content=content, headers=service))
    assert (status, error["code"]) == (400, "PGRST102")


def test_a_database_error_keeps_its_code(client: httpx.Client, service: dict[str, str]) -> None:
    arguments = {"p_limit": "many", "p_lease_s": 1}
    status, error = body(client.post(RPC + "darkroom_lost_jobs", json=arguments, headers=service))
    assert (status, error["code"]) == (400, "22P02")


def test_an_expired_link_is_refused(
    client: httpx.Client, service: dict[str, str], local_supabase: LocalSupabase
) -> None:
    client.post("/storage/v1/bucket", json={"id": "b", "name": "b"}, headers=service)
    client.post("/storage/v1/object/b/x.jpg", files={"file": ("x.jpg", b"x", "image/jpeg")}, headers=service)
    signed = client.post("/storage/v1/object/sign/b/x.jpg", json={"expiresIn": "-1"}, headers=service).json()
    answer = client.get(f"/storage/v1{signed['signedURL']}")
    assert (answer.status_code, answer.json()["error"]) == (400, "InvalidJWT")
    fresh = client.post("/storage/v1/object/sign/b/x.jpg", json={"expiresIn": "60"}, headers=service).json()
    assert client.get(f"{local_supabase.url}/storage/v1{fresh['signedURL']}").content == b"x"


def test_an_upload_without_upsert_to_an_existing_object_is_refused(
    client: httpx.Client, service: dict[str, str]
) -> None:
    client.post("/storage/v1/bucket", json={"id": "b", "name": "b"}, headers=service)
    for _ in range(2):
        answer = client.post("/storage/v1/object/b/y.jpg", files={"file": ("y", b"y", "image/jpeg")}, headers=service)
    assert body(answer) == (
        400,
        {"statusCode": "409", "error": "Duplicate", "message": "The resource already exists"},
    )


def test_a_bucket_can_limit_its_types(client: httpx.Client, service: dict[str, str]) -> None:
    bucket = {"id": "typed", "name": "typed", "allowed_mime_types": ["image/jpeg"]}
    client.post("/storage/v1/bucket", json=bucket, headers=service)
    answer = client.post("/storage/v1/object/typed/x", files={"file": ("x", b"x", "text/html")}, headers=service)
    assert answer.json()["statusCode"] == "415"


def test_head_and_body_are_sent_together(local_supabase: LocalSupabase, service: dict[str, str]) -> None:
    """The second of two pieces would wait 40 ms for the client's acknowledgement of the first."""
    address = httpx.URL(local_supabase.url)
    lines = [f"POST {RPC}darkroom_ping HTTP/1.1", "host: a", "content-length: 2"]
    lines += [f"{name}: {value}" for name, value in service.items()]
    with socket.create_connection((address.host, address.port or 80), timeout=LIMIT_S) as connection:
        connection.sendall("\r\n".join([*lines, "", "{}"]).encode())
        assert connection.recv(65536).endswith(b"\r\n\r\ntrue")


def test_a_body_that_is_not_multipart_has_no_parts() -> None:
    assert parts("image/jpeg", b"x") == {}


def test_parts_keep_trailing_line_breaks_of_their_data() -> None:
    data = b"\r\n\x00\xff\r\n\r\n--"
    request = httpx.Request(
        "POST", "http://x", files={"file": ("a.jpg", data, "image/jpeg")}, data={"cacheControl": "9"}
    )
    found = parts(request.headers["content-type"], request.read())
    assert (found["file"].content_type, found["file"].data) == ("image/jpeg", data)
    assert found["cacheControl"].data == b"9"
