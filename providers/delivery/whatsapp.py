"""WhatsApp: a text with the link through Meta's Cloud API, told at most once.

The API has no way to recognise a repetition. So the attempt is written down before it is sent, and one whose end nobody
knows (a worker killed, a connection cut) counts as sent: two messages would be worse than the rare missing one.
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
MAX_ANSWER_BYTES = 64 * 1024
#: Written for people, as `+49 (151) 234-5678`; E.164 has at most 15 digits.
_DECORATION = re.compile(r"[\s().\-\u00a0]+")
_PHONE = re.compile(r"\+?[1-9][0-9]{6,14}")


class WhatsAppChannel:
    """Sends texts from one business number."""

    name = DeliveryChannel.WHATSAPP

    def __init__(  # noqa: PLR0913  what Meta wants to know
        self,
        deliveries: Outbox,
        *,
        phone_number_id: str,
        access_token: SecretStr,
        base_url: str,
        api_version: str,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            deliveries: Where phone numbers are looked up; belongs to somebody else.
            phone_number_id: The sender.
            access_token: Of the Cloud API.
            base_url: `https://graph.facebook.com`.
            api_version: `v23.0`.
            timeout_s: Seconds for one call.
        """
        self._deliveries = deliveries
        self._timeout_s = timeout_s
        self._url = f"{base_url.rstrip('/')}/{api_version}/{phone_number_id}/messages"
        # Neither proxies nor credentials from the environment: the token goes to Meta only.
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
        async with self._http.stream("POST", self._url, json=message) as answer:
            data = b""
            async for chunk in answer.aiter_bytes():
                data += chunk
                if len(data) > MAX_ANSWER_BYTES:
                    break
        try:
            return answer.status_code, answer.headers, json.loads(data)
        except ValueError:
            return answer.status_code, answer.headers, None


def recipient(phone: str | None) -> str:
    """A phone number as Meta wants it: digits with the country code.

    Raises:
        Invalid: There is none (`no_phone`), or it is none (`bad_number`).
    """
    if not phone or not phone.strip():
        raise Invalid("the user left no phone number", code="no_phone")
    plain = _DECORATION.sub("", phone)
    plain = "+" + plain[2:] if plain.startswith("00") else plain
    if not _PHONE.fullmatch(plain):
        raise Invalid("what the user left is no phone number with a country code", code="bad_number")
    return plain.removeprefix("+")
