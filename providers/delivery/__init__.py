"""Delivery channels for finished jobs: chat, audit log and webhooks, one module each."""

from providers.delivery.base import Channel, OnSending

__all__ = ["Channel", "OnSending"]
