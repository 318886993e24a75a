from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

import pytest
import redis as sync_redis

from providers.redis_clients import async_client
from providers.served import ServedProducts
from schemas.common import Product
from tests.integration.http.conftest import balance, give_credits
from tests.waiting import wait_until

if TYPE_CHECKING:
    import httpx
    import psycopg

pytestmark = pytest.mark.usefixtures("flush_redis")


def announce(redis_url: str, *products: Product) -> None:
    async def run() -> None:
        client = async_client(redis_url, max_connections=1)
        await ServedProducts(client).announce("worker", products)
        await client.aclose()

    asyncio.run(run())


def test_orders_of_an_unserved_product_are_refused_before_they_are_charged(
    client: httpx.Client, database: psycopg.Connection[Any], redis_url: str
) -> None:
    """Given only avatar workers, a try-on is refused uncharged; it is taken once a worker makes try-ons."""
    announce(redis_url, Product.AVATAR)
    shopper = str(uuid.uuid4())
    give_credits(database, shopper, 5)
    body = {"channel": "b2c", "user_id": shopper, "model_image_url": "https://p.example/m.jpg"}

    refused = client.post("/generations", json=body)

    assert (refused.status_code, refused.json()["code"]) == (503, "product_off")
    assert refused.headers["Retry-After"] == "60"
    assert balance(database, shopper) == 5
    with sync_redis.Redis.from_url(redis_url) as lists:
        assert lists.llen("wearon:tasks:generation") == 0
    metrics = client.get("/metrics").text
    assert 'darkroom_product_workers{product="tryon"} 0.0' in metrics
    assert 'darkroom_product_workers{product="avatar"} 1.0' in metrics

    announce(redis_url, Product.TRYON)
    wait_until(lambda: client.post("/generations", json=body).status_code == 202, "the acceptance of an order")
    assert balance(database, shopper) == 4


def test_orders_of_a_product_without_tables_are_refused_and_not_charged(
    client: httpx.Client, database: psycopg.Connection[Any]
) -> None:
    """Given a database without the tables of image batches, an order answers 503 and its payer keeps the credits."""
    body = {"workspace_id": str(uuid.uuid4()), "user_id": str(uuid.uuid4()), "prompt": "A cup.", "style_id": "modern"}
    give_credits(database, body["user_id"], 5)
    database.execute("alter table image_generation_jobs rename to hidden")
    try:
        refused = client.post("/images", json=body)
    finally:
        database.execute("alter table hidden rename to image_generation_jobs")
    assert (refused.status_code, refused.json()["code"]) == (503, "product_off")
    assert balance(database, body["user_id"]) == 5
