"""Orders in databases whose credits and users are kept in other ways than ours."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from tests.integration.http.conftest import give_credits

pytestmark = pytest.mark.usefixtures("flush_redis")


def order(client: httpx.Client, user_id: str) -> httpx.Response:
    return client.post(
        "/generations", json={"channel": "b2c", "user_id": user_id, "model_image_url": "https://p.example/m.jpg"}
    )


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    return {"API_TOKEN": "a-token-with-all-scopes"}


@pytest.fixture
def client(service: Any) -> httpx.Client:
    found: httpx.Client = service.client("a-token-with-all-scopes")
    return found


def unknown(answer: httpx.Response) -> bool:
    return (answer.status_code, answer.json()["code"]) == (422, "unknown_id")


@pytest.mark.parametrize("deferred", ["", "deferrable initially deferred"], ids=["at once", "at commit"])
def test_a_session_that_refers_to_no_user_is_422(
    client: httpx.Client, database: psycopg.Connection[Any], deferred: str
) -> None:
    user_id = str(uuid.uuid4())
    give_credits(database, user_id, 1)
    database.execute("create table users (id text primary key)")
    database.execute(
        "alter table generation_sessions add constraint of_user foreign key (user_id) references users (id)"
        f" {deferred} not valid"
    )
    answer = order(client, user_id)
    database.execute("drop table users cascade")
    assert unknown(answer)
    row = database.execute("select balance from user_credits where user_id = %s", [user_id]).fetchone()
    assert row == (1,)


def test_a_credit_function_that_raises_for_an_unknown_user_is_422_and_other_errors_are_not(
    client: httpx.Client, database: psycopg.Connection[Any]
) -> None:
    known = str(uuid.uuid4())
    give_credits(database, known, 1)
    database.execute("alter function deduct_credits(text, integer, text) rename to kept_deduct_credits")
    database.execute(
        "create function deduct_credits(p_user_id text, p_amount integer, p_description text) returns boolean"
        " language plpgsql as $$ begin raise exception 'User not found'; end $$"
    )
    answer, fault = order(client, str(uuid.uuid4())), order(client, known)
    database.execute("drop function deduct_credits(text, integer, text)")
    database.execute("alter function kept_deduct_credits(text, integer, text) rename to deduct_credits")
    assert unknown(answer)
    assert fault.status_code == 500


def test_an_id_of_another_type_than_the_users_is_422(client: httpx.Client, database: psycopg.Connection[Any]) -> None:
    database.execute("alter table generation_sessions alter column user_id type integer using 0")
    give_credits(database, "many", 1)
    give_credits(database, "99999999999", 1)
    answers = [order(client, "many"), order(client, "99999999999")]
    database.execute("alter table generation_sessions alter column user_id type text")
    assert [unknown(answer) for answer in answers] == [True, True]


def test_two_orders_with_one_request_id_are_charged_twice_even_with_unique_references(
    client: httpx.Client, database: psycopg.Connection[Any]
) -> None:
    store_id = str(uuid.uuid4())
    give_credits(database, store_id, 5, store=True)
    database.execute("create unique index of_request on store_credit_transactions (store_id, request_id, type)")
    body = {"channel": "b2b", "store_id": store_id, "model_image_url": "https://p.example/m.jpg"}
    answers = [client.post("/generations", json=body, headers={"X-Request-ID": "req_twice"}) for _ in range(2)]
    database.execute("drop index of_request")
    assert [answer.status_code for answer in answers] == [202, 202]
    assert {answer.json()["request_id"] for answer in answers} == {"req_twice"}
    row = database.execute("select balance from store_credits where store_id = %s", [store_id]).fetchone()
    assert row == (3,)


@pytest.fixture
def reselling_store(database: psycopg.Connection[Any]) -> Iterator[str]:
    """A store with credits of its own whose shoppers pay, and whose credit function raises for an unknown shopper."""
    store_id = str(uuid.uuid4())
    give_credits(database, store_id, 7, store=True)
    database.execute("create table stores (id text primary key, billing_mode text not null)")
    database.execute("insert into stores values (%s, 'resell_mode')", [store_id])
    database.execute("create table store_shopper_credits (store_id text, shopper_email text, balance integer)")
    database.execute("insert into store_shopper_credits values (%s, 'ann@shop.example', 0)", [store_id])
    database.execute(
        "create function deduct_store_shopper_credits(p_store_id text, p_shopper_email text, p_amount integer)"
        " returns boolean language plpgsql as $$ begin"
        " if p_shopper_email <> 'ann@shop.example' then raise exception 'Shopper not found'; end if;"
        " return false; end $$"
    )
    yield store_id
    database.execute("drop function deduct_store_shopper_credits(text, text, integer)")
    database.execute("drop table store_shopper_credits, stores")


@pytest.mark.parametrize("shopper", [{"shopper_email": "ann@shop.example"}, {"shopper_email": "bob@shop.example"}])
def test_an_error_about_missing_credits_names_the_shopper_who_pays(
    client: httpx.Client, reselling_store: str, shopper: dict[str, str]
) -> None:
    body = {"channel": "b2b", "store_id": reselling_store, "model_image_url": "https://p.example/m.jpg", **shopper}
    answer = client.post("/generations", json=body)
    assert (answer.status_code, answer.json()["code"], answer.json()["balance"]) == (402, "no_credits", 0)
    detail = answer.json()["detail"]
    assert "--store" not in detail
    assert "The shopper's balance is 0" in detail


@pytest.mark.parametrize("shopper", [{}, {"shopper_email": None}])
def test_an_order_of_a_store_with_paying_shoppers_requires_the_shopper(
    client: httpx.Client, reselling_store: str, shopper: dict[str, str | None]
) -> None:
    body = {"channel": "b2b", "store_id": reselling_store, "model_image_url": "https://p.example/m.jpg", **shopper}
    answer = client.post("/generations", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert [item["pointer"] for item in answer.json()["errors"]] == ["#/shopper_email"]
