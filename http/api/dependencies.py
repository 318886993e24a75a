"""The dependencies of the application, created from settings."""

from __future__ import annotations

from dataclasses import dataclass

import redis.asyncio
from pydantic import SecretStr

from api.addresses import Addresses
from api.client_address import ClientAddresses
from api.middleware.access import WRONG_TOKENS_PER_MINUTE, ApiTokens
from api.picture_links import PictureLinks
from api.signed_urls import EventUrls
from api.sizing.estimators import Sizing, make_sizing
from api.tasks.hub import Hub
from api.tasks.task_states import TaskStates
from pipelines.decoders.decoders import Decoders
from pipelines.sizing.populations import population_named
from providers.data_dir import prepare_data_dir
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

#: Deadline of a push in seconds. The caller waits for the refund after it.
PUSH_DEADLINE_S = 1.0
#: Timeouts of one call, in seconds.
REDIS_TIMEOUT_S = 2.0
DATABASE_TIMEOUT_S = 5.0
STORAGE_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Everything that resources and middleware use.

    Attributes:
        sessions: Orders and sessions in the database.
        listener: The Redis client of the progress subscription; its reads have no timeout.
        storage: Storage of finished pictures.
        avatar_price: Credits per photo.
        images_price: Credits per batch.
        open_paths: Paths that need no token although tokens are configured.
        max_body_bytes: Maximum size of a body without a picture.
        max_picture_bytes: Maximum size of a picture in a body.
        replicate_webhook_secret: Secret of Replicate's webhooks; None if they are off.
    """

    rpc: Rpc
    records: Records
    sessions: Orders
    client: redis.asyncio.Redis
    listener: redis.asyncio.Redis
    producer: AsyncProducer
    metrics: Metrics
    limit: RateLimit
    wrong_tokens: RateLimit
    clients: ClientAddresses
    task_states: TaskStates
    hub: Hub
    tokens: ApiTokens
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
        """Close every connection."""
        await self.sizing.aclose()
        await self.metrics.aclose()
        await self.client.aclose()
        await self.listener.aclose()
        await self.storage.aclose()
        await self.rpc.aclose()


def make_tokens(settings: Settings) -> ApiTokens:
    """Return the configured tokens.

    Raises:
        TokensError: API_TOKENS is malformed.
    """
    one = settings.api_token.get_secret_value() if settings.api_token else None
    several = settings.api_tokens.get_secret_value() if settings.api_tokens else None
    return ApiTokens(one, several)


def service_urls(settings: Settings) -> tuple[str, str | None]:
    """Return the URLs of Redis and PostgreSQL; the latter is None if Supabase holds the records.

    Raises:
        NotRunningError: A service is neither configured nor running embedded.
    """
    return resolve(
        settings.data_dir,
        redis_url=settings.redis_url.get_secret_value() if settings.redis_url else None,
        database_url=settings.database_url.get_secret_value() if settings.database_url else None,
        supabase=settings.supabase_url is not None,
    )


def make_dependencies(settings: Settings) -> Dependencies:
    """Create the dependencies; they connect on first use.

    Raises:
        NotRunningError: A service is neither configured nor running embedded.
        TokensError: API_TOKENS is malformed.
    """
    redis_url, database_url = service_urls(settings)
    prepare_data_dir(settings.data_dir)
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
        wrong_tokens=RateLimit(client, per_minute=WRONG_TOKENS_PER_MINUTE),
        clients=ClientAddresses(settings.trusted_proxies),
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
        sizing=make_sizing(
            settings.data_dir,
            _fetch_policy(settings),
            records.size_feedback,
            key,
            pose_model_path=settings.pose_model_path,
            population=population_named(settings.population),
            decoders=Decoders(settings.decoder_processes, on_death=metrics.count_killed_picture),
        ),
        replicate_webhook_secret=replicate.webhook_secret if replicate.webhook_url else None,
    )


def _fetch_policy(settings: Settings) -> FetchPolicy:
    return FetchPolicy(
        allowed_networks=settings.fetch_allowed_networks,
        allowed_hosts=settings.fetch_allowed_hosts,
        max_bytes=settings.fetch_max_bytes,
        memory_bytes=settings.fetch_memory_bytes,
        max_pixels=settings.fetch_max_pixels,
        timeout_s=settings.fetch_timeout_s,
    )


def _storage(settings: Settings, key: bytes) -> Storage:
    if settings.supabase_url and settings.supabase_service_role_key:
        from providers.storage.supabase import SupabaseStorage  # noqa: PLC0415  half a second to import

        secret = settings.supabase_service_role_key.get_secret_value()
        return SupabaseStorage(settings.supabase_url, secret, timeout_s=STORAGE_TIMEOUT_S)
    return LocalStorage(settings.data_dir / "storage", key, settings.base_url)
