from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from pipelines.products.avatar import APOLOGY
from providers.delivery.whatsapp import WhatsAppChannel
from schemas.delivery import DeliveryChannel, DeliveryKind
from schemas.errors import Ambiguous, DarkroomError, Invalid, RateLimited, Transient
from tests.contracts.delivery_channel import ChannelSetup, DeliveryChannelContract, allow_sending
from tests.contracts.sample_delivery import sample_delivery
from tests.contracts.scripted_server import (
    ScriptedServer,
    always,
    closed_port_url,
    cut_short,
    hang,
    respond,
    run_server,
    send_60_mb,
)
from tests.waiting import LIMIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from schemas.delivery import Delivery
    from tests.contracts.deliveries import DeliveryDatabase
    from tests.contracts.scripted_server import ReceivedRequest

TOKEN = "EAAG-secret-token"
PHONE = "+49 151 23456789"
ACCEPTED = {"messaging_product": "whatsapp", "contacts": [{"wa_id": "x"}], "messages": [{"id": "wamid.1"}]}


def refused(code: int) -> dict[str, Any]:
    details = {"messaging_product": "whatsapp", "details": "words of Meta"}
    return {"error": {"message": f"(#{code})", "type": "OAuthException", "code": code, "error_data": details}}


def channel(database: DeliveryDatabase, url: str, timeout_s: float = 5.0) -> WhatsAppChannel:
    database.connection.execute("insert into user_preferences values ('u1', %s) on conflict do nothing", [PHONE])
    return WhatsAppChannel(
        database.deliveries, phone_number_id="1055", access_token=SecretStr(TOKEN), base_url=url, api_version="v23.0",
        timeout_s=timeout_s,
    )  # fmt: skip


async def deliver(database: DeliveryDatabase, handler: Any, delivery: Delivery | None = None) -> ScriptedServer:
    async with run_server(handler) as meta:
        sender = channel(database, meta.url, timeout_s=0.5)
        try:
            await sender.deliver(delivery or sample_delivery(DeliveryChannel.WHATSAPP), on_sending=allow_sending)
        finally:
            await sender.aclose()
    return meta


class TestWhatsAppChannel(DeliveryChannelContract):
    @pytest.fixture
    async def setup(self, database: DeliveryDatabase) -> AsyncIterator[ChannelSetup]:
        async with run_server(always(200, ACCEPTED)) as meta:
            sender = channel(database, meta.url)

            async def new() -> Delivery:
                return sample_delivery(DeliveryChannel.WHATSAPP)

            yield ChannelSetup(sender, new, lambda: len(meta.requests))
            await sender.aclose()


async def test_a_photo_is_sent_as_a_text_with_a_link(database: DeliveryDatabase) -> None:
    meta = await deliver(database, always(200, ACCEPTED))
    (asked,) = meta.requests
    assert (asked.method, asked.path) == ("POST", "/v23.0/1055/messages")
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert asked.json == {
        "messaging_product": "whatsapp",
        "to": "4915123456789",
        "type": "text",
        "text": {"body": "Here's your photo (link valid 24h): https://files.example/p.jpg?s=1"},
    }


async def test_an_apology_is_its_plain_text(database: DeliveryDatabase) -> None:
    apology = sample_delivery(
        DeliveryChannel.WHATSAPP, DeliveryKind.APOLOGY, message={"user_id": "u1", "text": APOLOGY}
    )
    meta = await deliver(database, always(200, ACCEPTED), apology)
    assert meta.requests[0].json["text"] == {"body": APOLOGY}


async def test_nothing_is_sent_to_a_user_without_a_number(database: DeliveryDatabase) -> None:
    stranger = sample_delivery(DeliveryChannel.WHATSAPP, message={"user_id": "u2", "url": "https://files.example/p"})
    async with run_server(always(200, ACCEPTED)) as meta:
        sender = channel(database, meta.url)
        with pytest.raises(Invalid) as unknown:
            await sender.deliver(stranger, on_sending=allow_sending)
        await sender.aclose()
    assert unknown.value.error_code == "no_phone"
    assert meta.requests == []


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (429, 130429, RateLimited),
        (400, 131056, RateLimited),
        (400, 131047, Invalid),
        (400, 131026, Invalid),
        (401, 190, Invalid),
        (500, 131000, Transient),
        (503, 131016, Transient),
    ],
)
async def test_errors_of_meta_are_mapped(
    database: DeliveryDatabase, status: int, code: int, kind: type[DarkroomError]
) -> None:
    with pytest.raises(DarkroomError) as error:
        await deliver(database, always(status, refused(code)))
    assert type(error.value) is kind
    assert error.value.details["graph_code"] == code


async def test_a_rate_limit_keeps_its_retry_after(database: DeliveryDatabase) -> None:
    with pytest.raises(RateLimited) as error:
        await deliver(database, always(429, refused(130429), retry_after="7"))
    assert error.value.retry_after == 7


async def test_a_failed_connection_is_certainly_not_delivered(database: DeliveryDatabase) -> None:
    sender = channel(database, await closed_port_url())
    with pytest.raises(Transient) as error:
        await sender.deliver(sample_delivery(DeliveryChannel.WHATSAPP), on_sending=allow_sending)
    await sender.aclose()
    assert not isinstance(error.value, Ambiguous)


@pytest.mark.parametrize("handler", [hang, cut_short, always(502, b"<html>Bad gateway</html>")])
async def test_a_timeout_after_sending_is_reported_as_uncertain(database: DeliveryDatabase, handler: Any) -> None:
    async with asyncio.timeout(LIMIT_S):
        with pytest.raises(Ambiguous):
            await deliver(database, handler)


async def test_an_oversized_response_is_aborted(database: DeliveryDatabase) -> None:
    meta = await deliver(database, send_60_mb)
    assert len(meta.requests) == 1


async def test_a_redirect_does_not_forward_the_token(database: DeliveryDatabase) -> None:
    async with run_server(always(200, ACCEPTED)) as other:

        async def elsewhere(_: ReceivedRequest, writer: asyncio.StreamWriter) -> None:
            respond(writer, 307, {}, location=f"{other.url}/v23.0/1055/messages")

        with pytest.raises(Invalid):
            await deliver(database, elsewhere)
        assert other.requests == []


async def test_errors_contain_neither_token_nor_number_nor_link(database: DeliveryDatabase) -> None:
    for handler in (always(400, refused(131026)), always(401, refused(190)), cut_short):
        with pytest.raises(DarkroomError) as error:
            await deliver(database, handler)
        said = f"{error.value} {error.value.details} {error.value.public_message}"
        assert not any(secret in said for secret in (TOKEN, "4915123456789", "files.example"))
