from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest

from providers.delivery.webhook import WebhookChannel
from providers.delivery.webhook_secrets import secret
from providers.safe_http.resolver import NameResolver
from schemas.delivery import DeliveryChannel, DeliveryKind
from schemas.errors import DarkroomError, Invalid, RateLimited, Transient
from tests.contracts.delivery_channel import ChannelSetup, DeliveryChannelContract, allow_sending
from tests.contracts.sample_delivery import sample_delivery
from tests.contracts.scripted_server import ScriptedServer, always, closed_port_url, hang, run_server
from tests.integration.providers.fetch.name_server import name_server
from tests.waiting import LIMIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from providers.safe_http.addresses import IPAddress
    from schemas.delivery import Delivery
    from tests.contracts.deliveries import DeliveryDatabase
    from tests.contracts.scripted_server import ReceivedRequest

KEY = b"our key"
HERE = ("127.0.0.0/8",)
EVENT = {"type": "generation.completed", "data": {"task_id": "t1", "result_urls": ["https://files.example/1"]}}


def event(task_id: str = "t1", run: int = 1) -> Delivery:
    return sample_delivery(
        DeliveryChannel.WEBHOOK, DeliveryKind.RESULT, task_id=task_id, run=run, owner_id="shop-1", message=EVENT
    )


def channel(database: DeliveryDatabase, networks: tuple[str, ...] = HERE, **more: Any) -> WebhookChannel:
    return WebhookChannel(database.deliveries, keys=[KEY], allowed_networks=networks, timeout_s=0.5, **more)


async def deliver(database: DeliveryDatabase, handler: Any, path: str = "/hook?shop=1") -> ScriptedServer:
    async with run_server(handler) as shop:
        await database.deliveries.webhook("shop-1", "set", f"{shop.url}{path}")
        sender = channel(database)
        try:
            await sender.deliver(event(), on_sending=allow_sending)
        finally:
            await sender.aclose()
    return shop


def signature(asked: ReceivedRequest, text: str) -> str:
    signed = f"{asked.headers['webhook-id']}.{asked.headers['webhook-timestamp']}.".encode() + asked.body
    key = base64.b64decode(text.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


class TestWebhookChannel(DeliveryChannelContract):
    @pytest.fixture
    async def setup(self, database: DeliveryDatabase) -> AsyncIterator[ChannelSetup]:
        numbers = iter(range(100))

        async def new() -> Delivery:
            return event(f"t{next(numbers)}")

        async with run_server(always(204)) as shop:
            await database.deliveries.webhook("shop-1", "set", f"{shop.url}/hook")
            sender = channel(database)
            yield ChannelSetup(sender, new, lambda: len({asked.headers["webhook-id"] for asked in shop.requests}))
            await sender.aclose()


async def test_a_result_is_signed_as_defined_by_standard_webhooks(database: DeliveryDatabase) -> None:
    shop = await deliver(database, always(200))
    (asked,) = shop.requests
    assert (asked.method, asked.path) == ("POST", "/hook?shop=1")
    assert asked.json == EVENT
    assert asked.headers["webhook-id"] == "msg_t1_1"
    assert abs(int(asked.headers["webhook-timestamp"]) - time.time()) < 5
    assert asked.headers["webhook-signature"] == signature(asked, secret(KEY, "shop-1", 1))


async def test_both_secrets_verify_shortly_after_a_rotation(database: DeliveryDatabase) -> None:
    await database.deliveries.webhook("shop-1", "set", "https://shop.example")
    await database.deliveries.webhook("shop-1", "rotate")
    (asked,) = (await deliver(database, always(200))).requests
    both = {signature(asked, secret(KEY, "shop-1", version)) for version in (1, 2)}
    assert set(asked.headers["webhook-signature"].split(" ")) == both


async def test_all_attempts_share_an_id_and_each_run_has_its_own(database: DeliveryDatabase) -> None:
    async with run_server(always(200)) as shop:
        await database.deliveries.webhook("shop-1", "set", shop.url)
        sender = channel(database)
        for delivery in (event(), event(), event(run=2)):
            await sender.deliver(delivery, on_sending=allow_sending)
        await sender.aclose()
    assert [asked.headers["webhook-id"] for asked in shop.requests] == ["msg_t1_1", "msg_t1_1", "msg_t1_2"]


@pytest.mark.parametrize("status", [302, 400, 401, 404, 500, 503])
async def test_any_other_status_than_success_is_retryable(database: DeliveryDatabase, status: int) -> None:
    with pytest.raises(Transient):
        await deliver(database, always(status, {}, location="https://elsewhere.example"))


async def test_a_rate_limit_keeps_its_retry_after(database: DeliveryDatabase) -> None:
    with pytest.raises(RateLimited) as error:
        await deliver(database, always(429, {}, retry_after="30"))
    assert error.value.retry_after == 30


async def hang_up(_: ReceivedRequest, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


@pytest.mark.parametrize("handler", [hang, hang_up])
async def test_a_receiver_that_does_not_answer_is_retried(database: DeliveryDatabase, handler: Any) -> None:
    async with asyncio.timeout(LIMIT_S):
        with pytest.raises(Transient):
            await deliver(database, handler)


async def test_an_unreachable_receiver_is_retried(database: DeliveryDatabase) -> None:
    await database.deliveries.webhook("shop-1", "set", await closed_port_url())
    sender = channel(database)
    with pytest.raises(Transient):
        await sender.deliver(event(), on_sending=allow_sending)
    await sender.aclose()


async def test_status_410_deactivates_the_webhook(database: DeliveryDatabase) -> None:
    with pytest.raises(Invalid) as error:
        await deliver(database, always(410))
    assert error.value.error_code == "webhook_gone"
    webhook = await database.deliveries.webhook("shop-1")
    assert webhook is not None
    assert webhook.disabled_at is not None


async def test_nothing_is_sent_to_a_webhook_that_was_dropped_meanwhile(database: DeliveryDatabase) -> None:
    sender = channel(database)
    with pytest.raises(Invalid) as error:
        await sender.deliver(event(), on_sending=allow_sending)
    await sender.aclose()
    assert error.value.error_code == "no_webhook"


async def refusal(database: DeliveryDatabase, url: str, **more: Any) -> DarkroomError:
    await database.deliveries.webhook("shop-1", "set", url)
    sender = channel(database, **more)
    with pytest.raises(Invalid) as error:
        await sender.deliver(event(), on_sending=allow_sending)
    await sender.aclose()
    return error.value


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "169.254.169.254", "10.0.0.1", "0.0.0.0", "[::ffff:127.0.0.1]"])
async def test_addresses_in_our_own_network_are_refused(database: DeliveryDatabase, host: str) -> None:
    error = await refusal(database, f"https://{host}:8443/hook", networks=())
    assert error.error_code == "address_not_public"


async def test_a_name_that_resolves_to_an_internal_address_is_refused(database: DeliveryDatabase) -> None:
    async def resolve(_: str) -> list[IPAddress]:
        return [ip_address("93.184.215.14"), ip_address("127.0.0.1")]

    error = await refusal(database, "https://shop.example/hook", networks=(), resolve=resolve)
    assert error.error_code == "address_not_public"


async def test_results_are_not_sent_over_plain_http(database: DeliveryDatabase) -> None:
    assert (await refusal(database, "http://shop.example/hook", networks=())).error_code == "webhook_insecure"


async def test_errors_do_not_contain_the_url(database: DeliveryDatabase) -> None:
    await database.deliveries.webhook("shop-1", "set", "https://user:pw@shop.example/hook")
    error = await refusal(database, "https://user:pw@shop.example/hook", networks=())
    assert "shop.example" not in f"{error} {error.details}"


async def test_a_receiver_whose_name_server_is_silent_is_given_up_before_the_call_is(
    database: DeliveryDatabase,
) -> None:
    async with name_server() as server:
        names = NameResolver([server.address])
        sender = WebhookChannel(database.deliveries, keys=[KEY], allowed_networks=HERE, resolve=names)
        await database.deliveries.webhook("shop-1", "set", "https://shop.silent.test/hook")
        with pytest.raises(Transient) as caught:
            await sender.deliver(event(), on_sending=allow_sending)
        assert caught.value.error_code == "webhook_unreachable"
        await sender.aclose()
        await names.aclose()
