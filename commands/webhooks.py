"""`manage.py webhook`: manage the webhook of an owner and the secret that signs its requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.connections import records
from commands.outcome import CommandError, CommandOutcome
from providers.delivery.webhook_secrets import parse_keys, secret
from providers.fetch.policy import FetchPolicy
from providers.safe_http.url import parse_target
from providers.signing import signing_key
from schemas.errors import InputRefused

if TYPE_CHECKING:
    from providers.records.outbox import Change
    from schemas.delivery import Webhook
    from settings import Settings


async def webhook_set(settings: Settings, owner_id: str, url: str) -> CommandOutcome:
    """Send the results of an owner to `url` and show the secret for the receiver.

    Raises:
        CommandError: The address is not allowed.
    """
    try:
        target = parse_target(url, FetchPolicy(), subject="The webhook")
    except InputRefused as error:
        raise CommandError(error.public_message) from None
    if target.scheme != "https" and not settings.webhook_allowed_networks:
        raise CommandError("The webhook's address must be https: links in it are for the receiver only.")
    return _with_secret(settings, await _changed(settings, owner_id, "set", url), "Results go to")


async def webhook_rotate(settings: Settings, owner_id: str) -> CommandOutcome:
    """Create a new secret; requests are signed with both secrets for a day.

    Raises:
        CommandError: The owner has no webhook.
    """
    return _with_secret(settings, await _changed(settings, owner_id, "rotate"), "A new secret signs for")


async def webhook_show(settings: Settings, owner_id: str) -> CommandOutcome:
    """Show the webhook of an owner, without its secret.

    Raises:
        CommandError: The owner has no webhook.
    """
    webhook = await _changed(settings, owner_id, None)
    state = "disabled: the receiver answered 410 Gone; set it again" if webhook.disabled_at else "active"
    data = webhook.model_dump(mode="json")
    return CommandOutcome(data, f"{webhook.url} ({state}), secret number {webhook.version}")


async def webhook_drop(settings: Settings, owner_id: str) -> CommandOutcome:
    """Delete the webhook of an owner."""
    async with records(settings) as found:
        await found.outbox.webhook(owner_id, "drop")
    return CommandOutcome({"dropped": owner_id}, f"{owner_id} has no webhook.")


async def _changed(settings: Settings, owner_id: str, change: Change | None, url: str | None = None) -> Webhook:
    async with records(settings) as found:
        webhook = await found.outbox.webhook(owner_id, change, url)
    if webhook is None:
        raise CommandError(f"{owner_id} has no webhook.")
    return webhook


def _with_secret(settings: Settings, webhook: Webhook, sentence: str) -> CommandOutcome:
    links = signing_key(settings.data_dir, settings.signing_key.get_secret_value() if settings.signing_key else None)
    keys = parse_keys(settings.webhook_keys.get_secret_value() if settings.webhook_keys else None, links)
    secret_text = secret(keys[0], webhook.owner_id, webhook.version)
    data = webhook.model_dump(mode="json") | {"secret": secret_text}
    return CommandOutcome(data, f"{sentence} {webhook.url}\nThe secret, for the receiver only: {secret_text}")
