"""The channels of a worker's courier, as the settings say."""

from __future__ import annotations

import structlog

from providers.delivery import Channel
from providers.delivery.audit import AuditChannel
from providers.delivery.fake import FakeChannel
from providers.delivery.web import WebChannel
from providers.delivery.webhook import WebhookChannel
from providers.delivery.whatsapp import WhatsAppChannel
from providers.records.deliveries import Deliveries
from providers.signing import signing_key
from schemas.delivery import ChannelName
from settings import Settings

log = structlog.get_logger(__name__)

META = Settings.model_fields["whatsapp_base_url"].default


def make_channels(settings: Settings, deliveries: Deliveries) -> dict[ChannelName, Channel]:
    """Every channel that is set up; nothing connects before it is used."""
    channels: list[Channel] = [
        WebChannel(deliveries),
        AuditChannel(deliveries),
        WebhookChannel(deliveries, keys=webhook_keys(settings), allowed_networks=settings.webhook_allowed_networks),
    ]
    if whatsapp := _whatsapp(settings, deliveries):
        channels.append(whatsapp)
    return {channel.name: channel for channel in channels}


def webhook_keys(settings: Settings) -> tuple[bytes, ...]:
    """What webhook secrets are derived from, the newest first; the key that signs links unless set."""
    if settings.webhook_keys:
        words = settings.webhook_keys.get_secret_value().split(",")
        return tuple(word.strip().encode() for word in words if word.strip())
    return (signing_key(settings.data_dir, settings.signing_key.get_secret_value() if settings.signing_key else None),)


def _whatsapp(settings: Settings, deliveries: Deliveries) -> Channel | None:
    if settings.ai_mock_mode and settings.whatsapp_base_url == META:
        # Whoever tries Darkroom out with made-up users must not write to real phones.
        return FakeChannel(ChannelName.WHATSAPP)
    if not settings.whatsapp_phone_number_id or not settings.whatsapp_access_token:
        return None
    return WhatsAppChannel(
        deliveries,
        phone_number_id=settings.whatsapp_phone_number_id,
        access_token=settings.whatsapp_access_token,
        base_url=settings.whatsapp_base_url,
        api_version=settings.whatsapp_api_version,
    )
