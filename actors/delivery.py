"""The delivery channels of a worker, made of the settings."""

from __future__ import annotations

from providers.delivery import Channel
from providers.delivery.audit import AuditChannel
from providers.delivery.fake import FakeChannel
from providers.delivery.web import WebChannel
from providers.delivery.webhook import WebhookChannel
from providers.delivery.webhook_secrets import parse_keys
from providers.delivery.whatsapp import WhatsAppChannel
from providers.records.outbox import Outbox
from providers.signing import signing_key
from schemas.delivery import DeliveryChannel
from settings import Settings

#: Address of Meta's own API.
META = Settings.model_fields["whatsapp_base_url"].default


def make_channels(settings: Settings, deliveries: Outbox) -> dict[DeliveryChannel, Channel]:
    """Return every channel that is set up, by name; connections open on first use."""
    channels: list[Channel] = [
        WebChannel(deliveries),
        AuditChannel(deliveries),
        WebhookChannel(deliveries, keys=_webhook_keys(settings), allowed_networks=settings.webhook_allowed_networks),
    ]
    if whatsapp := _whatsapp(settings, deliveries):
        channels.append(whatsapp)
    return {channel.name: channel for channel in channels}


def _webhook_keys(settings: Settings) -> tuple[bytes, ...]:
    links = signing_key(settings.data_dir, settings.signing_key.get_secret_value() if settings.signing_key else None)
    return parse_keys(settings.webhook_keys.get_secret_value() if settings.webhook_keys else None, links)


def _whatsapp(settings: Settings, deliveries: Outbox) -> Channel | None:
    if settings.ai_mock_mode and settings.whatsapp_base_url == META:
        # In mock mode users are made up: nothing may be sent to real phones.
        return FakeChannel(DeliveryChannel.WHATSAPP)
    if not settings.whatsapp_phone_number_id or not settings.whatsapp_access_token:
        return None
    return WhatsAppChannel(
        deliveries,
        phone_number_id=settings.whatsapp_phone_number_id,
        access_token=settings.whatsapp_access_token,
        base_url=settings.whatsapp_base_url,
        api_version=settings.whatsapp_api_version,
    )
