"""Chat, audit log and webhooks: whoever is told about jobs that have ended, one module a channel."""

from providers.delivery.base import Channel, OnSending

__all__ = ["Channel", "OnSending"]
