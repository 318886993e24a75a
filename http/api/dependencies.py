"""What the application needs, and how it is made from settings."""

from __future__ import annotations

from dataclasses import dataclass

import redis.asyncio
from pydantic import SecretStr

from api.addresses import Addresses
from api.middleware.access import Tokens
from api.picture_links import PictureLinks
from api.signed_urls import EventUrls
from api.sizing.estimators import Sizing, make_sizing
from api.tasks.hub import Hub
from api.tasks.task_states import TaskStates
from providers.fetch import FetchPolicy
from providers.images.replicate.settings import ReplicateSettings
from providers.local_services import resolve
from providers.metrics.recorder import Metrics
from providers.producer.producer import AsyncProducer
from providers.rate_limit import RateLimit
from providers.records import Records, Rpc
from providers.records.connect import connect_rpc
from providers.records.orders import Orders
from providers.redis_clients import async_client
from providers.signing import signing_key
from providers.storage.base import Storage
from providers.storage.local import LocalStorage
from settings import Settings

#: A push that Redis has not confirmed within this is given up, seconds: the caller waits for the refund after it.
PUSH_DEADLINE_S = 1.0
#: For what is read; a push has a deadline of its own, seconds.
REDIS_TIMEOUT_S = 2.0
DATABASE_TIMEOUT_S = 5.0
#: For signing a link, seconds.
STORAGE_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Everything the resources use.

    Attributes:
        listener: The Redis client of the one subscription; its reads have no deadline of their own.
        replicate_webhook_secret: What Replicate's webhooks are signed with; None where they are off.
        storage: Where finished pictures are.
        avatar_price, images_price: Credits.
        max_body_bytes, max_picture_bytes: The largest body, and the largest that carries a picture.
    """

    rpc: Rpc
    records: Records
    sessions: Orders
    client: redis.asyncio.Redis
    listener: redis.asyncio.Redis
    producer: AsyncProducer
    metrics: Metrics
    limit: RateLimit
    task_states: TaskStates
    hub: Hub
    tokens: Tokens
    event_urls: EventUrls
    storage: Storage
    pictures: PictureLinks
    addresses: Addresses
    avatar_price: int
    images_price: int
    public_url: str | None
    cors_origins: tuple[str, ...]
    open_paths: tuple[str, ...]
    max_body_bytes: int
    max_picture_bytes: int
    sizing: Sizing
    replicate_webhook_secret: SecretStr | None

    async def aclose(self) -> None:
        """Give back every connection."""
        await self.sizing.aclose()
        await self.metrics.aclose()
        await self.client.aclose()
        await self.listener.aclose()
        await self.storage.aclose()
        await self.rpc.aclose()


def make_tokens(settings: Settings) -> Tokens:
    """The tokens that are set.

    Raises:
        TokensError: They can't be read.
    """
    one = settings.api_token.get_secret_value() if settings.api_token else None
    several = settings.api_tokens.get_secret_value() if settings.api_tokens else None
    return Tokens(one, several)


def addresses(settings: Settings) -> tuple[str, str | None]:
    """The addresses of Redis and PostgreSQL; None where Supabase keeps the records.

    Raises:
        NotRunningError: A service is neither set nor embedded.
    """
    return resolve(
        settings.data_dir,
        redis_url=settings.redis_url.get_secret_value() if settings.redis_url else None,
        database_url=settings.database_url.get_secret_value() if settings.database_url else None,
        supabase=settings.supabase_url is not None,
    )


def make_dependencies(settings: Settings) -> Dependencies:
    """The dependencies that the settings describe; nothing connects before it is used.

    Raises:
        NotRunningError: A service is neither set nor embedded.
        TokensError: The tokens can't be read.
    """
    redis_url, database_url = addresses(settings)
    rpc = connect_rpc(
        database_url=database_url,
        supabase_url=settings.supabase_url,
        supabase_key=settings.supabase_service_role_key,
        timeout_s=DATABASE_TIMEOUT_S,
    )
    client = async_client(redis_url, max_connections=32, socket_timeout_s=REDIS_TIMEOUT_S)
    listener = async_client(redis_url, max_connections=2)
    key = signing_key(settings.data_dir, settings.signing_key.get_secret_value() if settings.signing_key else None)
    records, metrics = Records(rpc), Metrics(client)
    storage = _storage(settings, key)
    pictures = PictureLinks(storage)
    task_states = TaskStates(records.orders, client, pictures)
    replicate = ReplicateSettings()
    return Dependencies(
        rpc=rpc,
        records=records,
        sessions=records.orders,
        client=client,
        listener=listener,
        producer=AsyncProducer(client, deadline_s=PUSH_DEADLINE_S),
        metrics=metrics,
        limit=RateLimit(client, per_minute=settings.rate_limit_per_minute),
        task_states=task_states,
        hub=Hub(listener, task_states.many, metrics),
        tokens=make_tokens(settings),
        event_urls=EventUrls(key),
        storage=storage,
        pictures=pictures,
        addresses=Addresses(settings.public_url, settings.base_url, settings.cors_origins),
        avatar_price=settings.avatar_price_credits,
        images_price=settings.images_price_credits,
        public_url=settings.public_url,
        cors_origins=settings.cors_origins,
        open_paths=settings.open_endpoints,
        max_body_bytes=settings.http_max_body_bytes,
        max_picture_bytes=settings.fetch_max_bytes,
        sizing=make_sizing(settings.data_dir, _fetch_policy(settings)),
        replicate_webhook_secret=replicate.webhook_secret if replicate.webhook_url else None,
    )


def _fetch_policy(settings: Settings) -> FetchPolicy:
    return FetchPolicy(
        allowed_networks=settings.fetch_allowed_networks,
        allowed_hosts=settings.fetch_allowed_hosts,
        max_bytes=settings.fetch_max_bytes,
        max_pixels=settings.fetch_max_pixels,
        timeout_s=settings.fetch_timeout_s,
    )


def _storage(settings: Settings, key: bytes) -> Storage:
    if settings.supabase_url and settings.supabase_service_role_key:
        from providers.storage.supabase import SupabaseStorage  # noqa: PLC0415  takes half a second, for its users only

        secret = settings.supabase_service_role_key.get_secret_value()
        return SupabaseStorage(settings.supabase_url, secret, timeout_s=STORAGE_TIMEOUT_S)
    return LocalStorage(settings.data_dir / "storage", key, settings.base_url)
