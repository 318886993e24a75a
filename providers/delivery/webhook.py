"""Webhook channel: post signed results to shops as https://www.standardwebhooks.com specifies.

Every attempt at one result carries the same `webhook-id`, so that receivers can drop duplicates. The URL is untrusted:
connections go to public addresses only, redirects are not followed and the response body is discarded.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import closing
from http import HTTPStatus

import orjson
from aiohttp import ClientError, ClientSession

from providers.delivery.base import OnSending
from providers.delivery.webhook_secrets import sign, valid_secrets
from providers.fetch.policy import FetchPolicy
from providers.records.outbox import Outbox
from providers.retry_after import retry_after_s
from providers.safe_http.network import AddressRefusedError
from providers.safe_http.resolver import NameResolver, Resolve, resolving_for
from providers.safe_http.session import open_session, to_yarl_url
from providers.safe_http.url import parse_target
from schemas.delivery import Delivery, DeliveryChannel
from schemas.errors import Invalid, RateLimited, Transient

#: Seconds for the whole call. Standard Webhooks recommends 15 to 30.
TIMEOUT_S = 15.0
_HEADERS = {"Content-Type": "application/json", "User-Agent": "Darkroom"}


class WebhookChannel:
    """Posts signed results to the webhook of their owner."""

    name = DeliveryChannel.WEBHOOK

    def __init__(
        self,
        deliveries: Outbox,
        *,
        keys: Sequence[bytes],
        allowed_networks: tuple[str, ...] = (),
        resolve: Resolve | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Configure the channel; the first delivery opens the HTTP session.

        Args:
            deliveries: Outbox that stores the owners' webhooks; its owner closes it.
            keys: Keys that the signing secrets are derived from, newest first.
            allowed_networks: Non-public CIDRs that webhooks may use, for development.
            resolve: Name resolver; one with the system's configuration by default.
            timeout_s: Seconds for one call.
        """
        self._deliveries = deliveries
        self._keys = tuple(keys)
        self._policy = FetchPolicy(allowed_networks=allowed_networks, timeout_s=timeout_s)
        self._names = NameResolver()
        self._resolve = resolve or self._names
        self._session: ClientSession | None = None

    async def deliver(self, delivery: Delivery, *, on_sending: OnSending) -> None:  # noqa: ARG002  receivers drop duplicates
        """See `Channel.deliver`."""
        webhook = await self._deliveries.webhook(delivery.owner_id)
        if webhook is None or webhook.disabled_at is not None:
            raise Invalid("the owner has no webhook any more", code="no_webhook")
        message_id = f"msg_{delivery.task_id}_{delivery.run}"
        body, timestamp = orjson.dumps(delivery.message), int(time.time())
        headers = {
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(valid_secrets(self._keys, webhook), message_id, timestamp, body),
        }
        with resolving_for(delivery.owner_id):
            status, retry_after = await self._post(webhook.url, headers, body)
        if status == HTTPStatus.GONE:
            await self._deliveries.webhook(delivery.owner_id, "disable")
        _raise_for_status(status, retry_after)

    async def aclose(self) -> None:
        """Close the HTTP session and the resolver."""
        await self._names.aclose()
        if self._session is not None:
            await self._session.close()

    async def _post(self, address: str, headers: dict[str, str], body: bytes) -> tuple[int, float | None]:
        url = parse_target(address, self._policy, subject="The webhook")
        if url.scheme != "https" and not self._policy.allowed_networks:
            raise Invalid("the webhook's address is not https", code="webhook_insecure")
        if self._session is None:
            # Created on first use, so that it belongs to the event loop that delivers.
            self._session = open_session(self._policy.networks, self._resolve, headers=_HEADERS)
        request = self._session.post(to_yarl_url(url), data=body, headers=headers, allow_redirects=False)
        try:
            async with asyncio.timeout(self._policy.timeout_s):
                with closing(await request) as response:
                    return response.status, retry_after_s(response.headers)
        except AddressRefusedError as error:
            raise Invalid("the webhook is on a server that is not public", code="address_not_public") from error
        except TimeoutError as error:
            raise Transient("the webhook did not answer in time", code="webhook_too_slow") from error
        except (ClientError, OSError) as error:
            raise Transient(f"no answer of the webhook: {type(error).__name__}", code="webhook_unreachable") from error


def _raise_for_status(status: int, retry_after: float | None) -> None:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return
    if status == HTTPStatus.GONE:
        raise Invalid("the webhook's receiver is gone", code="webhook_gone", http_status=status)
    message = f"the webhook answered {status}"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise RateLimited(message, retry_after=retry_after, http_status=status)
    raise Transient(message, code="webhook_refused", retry_after=retry_after, http_status=status)
