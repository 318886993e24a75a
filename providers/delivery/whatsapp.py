"""WhatsApp channel: send a text with the link through Meta's Cloud API, at most once.

The API has no idempotency key. The attempt is therefore recorded before the request, and an attempt with an unknown
outcome (worker killed, connection lost) counts as sent: a duplicate is worse than a rare missing message.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import httpx
from pydantic import SecretStr

from providers.delivery.base import OnSending
from providers.delivery.graph_errors import graph_error
from providers.records.outbox import Outbox
from schemas.delivery import Delivery, DeliveryChannel, DeliveryKind
from schemas.errors import Ambiguous, Invalid, Transient

TEXT = "Here's your photo (link valid 24h): {url}"
#: Seconds for the whole call.
TIMEOUT_S = 10.0
MAX_CONNECTIONS = 32
MAX_RESPONSE_BYTES = 64 * 1024
#: Separators in phone numbers such as `+49 (151) 234-5678`; E.164 allows at most 15 digits.
_SEPARATORS = re.compile(r"[\s().\-\u00a0]+")
_PHONE = re.compile(r"\+?[1-9][0-9]{6,14}")


class WhatsAppChannel:
    """Sends texts from one business number."""

    name = DeliveryChannel.WHATSAPP

    def __init__(  # noqa: PLR0913  parameters of the Cloud API
        self,
        deliveries: Outbox,
        *,
        phone_number_id: str,
        access_token: SecretStr,
        base_url: str,
        api_version: str,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Configure the channel; nothing connects before the first delivery.

        Args:
            deliveries: Outbox that looks up phone numbers; its owner closes it.
            phone_number_id: Meta's id of the sender's number.
            access_token: Access token of the Cloud API.
            base_url: Base URL of the API, `https://graph.facebook.com`.
            api_version: Version of the API, such as `v23.0`.
            timeout_s: Seconds for one call.
        """
        self._deliveries = deliveries
        self._timeout_s = timeout_s
        self._url = f"{base_url.rstrip('/')}/{api_version}/{phone_number_id}/messages"
        # Ignore proxies and credentials of the environment: the token must reach Meta only.
        self._http = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {access_token.get_secret_value()}"},
            timeout=httpx.Timeout(timeout_s, connect=min(5.0, timeout_s)),
            limits=httpx.Limits(max_connections=MAX_CONNECTIONS),
            follow_redirects=False,
            trust_env=False,
        )

    async def deliver(self, delivery: Delivery, *, on_sending: OnSending) -> None:
        """See `Channel.deliver`."""
        message = delivery.message
        text = TEXT.format(url=message["url"]) if delivery.kind is DeliveryKind.PHOTO else str(message["text"])
        phone = recipient(await self._deliveries.whatsapp_phone(message["user_id"]))
        await on_sending()
        try:
            async with asyncio.timeout(self._timeout_s):
                status, headers, body = await self._post(
                    {"messaging_product": "whatsapp", "to": phone, "type": "text", "text": {"body": text}}
                )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise Transient(f"no connection to WhatsApp: {type(error).__name__}", code="unreachable") from error
        except (httpx.HTTPError, TimeoutError) as error:
            raise Ambiguous(f"no answer of WhatsApp: {type(error).__name__}", code="whatsapp_unknown") from error
        if status != httpx.codes.OK:
            raise graph_error(status, headers, body)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _post(self, message: dict[str, Any]) -> tuple[int, httpx.Headers, Any]:
        async with self._http.stream("POST", self._url, json=message) as response:
            data = b""
            async for chunk in response.aiter_bytes():
                data += chunk
                if len(data) > MAX_RESPONSE_BYTES:
                    break
        try:
            return response.status_code, response.headers, json.loads(data)
        except ValueError:
            return response.status_code, response.headers, None


def recipient(phone: str | None) -> str:
    """Return a phone number in Meta's format: digits that start with the country code.

    Raises:
        Invalid: The number is missing (`no_phone`) or malformed (`bad_number`).
    """
    if not phone or not phone.strip():
        raise Invalid("the user has no phone number", code="no_phone")
    number = _SEPARATORS.sub("", phone)
    number = "+" + number[2:] if number.startswith("00") else number
    if not _PHONE.fullmatch(number):
        raise Invalid("the user's phone number is malformed or has no country code", code="bad_number")
    return number.removeprefix("+")
