"""The services of one worker process: made once, on its event loop, and shared by all stages."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import redis.asyncio

from actors.generators import Generators
from actors.retention import make_retention
from pipelines.control.database_contact import DatabaseContact
from pipelines.control.recovery import JobRecovery
from pipelines.control.sweep import Sweep
from pipelines.decoders.decoders import Decoders
from pipelines.engine.dramatiq_redis.broker import Broker
from pipelines.engine.running_jobs import RunningJobs
from pipelines.stages.generate import Generate
from pipelines.stages.paid_picture import PictureServices
from providers.data_dir import prepare_data_dir
from providers.delivery.wakeup import DeliveryWakeup
from providers.fetch import Fetcher, FetchPolicy, fetch_memory
from providers.metrics.recorder import Metrics
from providers.progress import ProgressLog
from providers.records import Records
from providers.records.releases import Releases
from providers.redis_clients import async_client
from providers.scratch.base import Scratch
from providers.scratch.cached import CachedScratch
from providers.scratch.make import make_scratch
from providers.signing import signing_key
from providers.storage.base import Storage
from providers.storage.local import LocalStorage
from schemas.common import Product
from settings import Settings


@dataclass(frozen=True)
class Services:
    """The connections and parts that stages and middleware use; see `pipelines.engine.stage_run.StageServices`."""

    settings: Settings
    worker_id: str
    records: Records
    progress: ProgressLog
    wakeup: DeliveryWakeup
    releases: Releases
    metrics: Metrics
    scratch: CachedScratch
    fetcher: Fetcher
    result_fetcher: Fetcher
    decoders: Decoders
    generators: Generators
    generate: Mapping[Product, Generate]
    sweep: Sweep
    running_jobs: RunningJobs
    client: redis.asyncio.Redis

    @functools.cached_property
    def storage(self) -> Storage:
        """The storage of finished pictures; made on first use, so that only workers that upload need its keys."""
        return make_storage(self.settings)

    def provider_calls(self) -> Mapping[str, int]:
        """Return the number of this process's calls in flight by provider."""
        return self.generators.in_flight()

    async def aclose(self) -> None:
        """Close every connection."""
        await self.metrics.aclose()
        await self.progress.aclose()
        await self.generators.aclose()
        await self.fetcher.aclose()
        await self.result_fetcher.aclose()
        if "storage" in vars(self):
            await self.storage.aclose()
        await self.scratch.aclose()
        await self.releases.aclose()
        await self.records.aclose()
        await self.client.aclose()
        self.decoders.close()


def make_services(  # noqa: PLR0913, PLR0917  the parts of a process
    settings: Settings,
    broker: Broker,
    redis_url: str,
    records: Records,
    running_jobs: RunningJobs,
    contact: DatabaseContact,
    worker_id: str,
) -> Services:
    """Return the services of one process. Call this on its event loop; connections open on first use."""
    prepare_data_dir(settings.data_dir)
    client = async_client(redis_url, max_connections=64)
    metrics = Metrics(client)
    progress = ProgressLog(client, ttl_s=settings.progress_ttl_s)
    scratch = CachedScratch(make_scratch(settings.scratch, settings.data_dir, client))
    input_policy = _policy(settings, settings.fetch_allowed_hosts)
    memory = fetch_memory(input_policy)
    fetcher = Fetcher(input_policy, memory=memory)
    result_fetcher = Fetcher(_policy(settings, settings.fetch_result_hosts), memory=memory)
    generators = Generators(settings, client)
    return Services(
        settings=settings,
        worker_id=worker_id,
        records=records,
        progress=progress,
        wakeup=DeliveryWakeup(client),
        releases=Releases(records.workers),
        metrics=metrics,
        scratch=scratch,
        fetcher=fetcher,
        result_fetcher=result_fetcher,
        decoders=Decoders(settings.decoder_processes, on_death=metrics.count_killed_picture),
        generators=generators,
        generate=_generate(
            settings, generators, fetcher=result_fetcher, scratch=scratch, records=records, progress=progress
        ),
        sweep=make_sweep(settings, broker, records, client, contact),
        running_jobs=running_jobs,
        client=client,
    )


def make_storage(settings: Settings) -> Storage:
    """Return the storage of finished pictures: Supabase's where it is set, else a folder."""
    if settings.supabase_url and settings.supabase_service_role_key:
        from providers.storage.supabase import SupabaseStorage  # noqa: PLC0415  the import takes half a second

        return SupabaseStorage(settings.supabase_url, settings.supabase_service_role_key.get_secret_value())
    key = settings.signing_key.get_secret_value() if settings.signing_key else None
    return LocalStorage(
        settings.data_dir / "storage",
        signing_key(settings.data_dir, key),
        settings.base_url,
    )


def make_sweep(
    settings: Settings, broker: Broker, records: Records, client: redis.asyncio.Redis, contact: DatabaseContact
) -> Sweep:
    """Return the sweep over these connections; `contact` is that of the process with its database."""
    recovery = JobRecovery(records, broker, contact, lease_s=settings.lease_s, max_recoveries=settings.max_recoveries)
    return Sweep(
        recovery=recovery,
        records=records,
        client=client,
        scratch=make_scratch(settings.scratch, settings.data_dir, client),
        stuck_after_s=settings.stuck_after_s,
        retention=make_retention(settings, records),
    )


def _policy(settings: Settings, hosts: tuple[str, ...]) -> FetchPolicy:
    return FetchPolicy(
        allowed_networks=settings.fetch_allowed_networks,
        allowed_hosts=hosts,
        max_bytes=settings.fetch_max_bytes,
        memory_bytes=settings.fetch_memory_bytes,
        max_pixels=settings.fetch_max_pixels,
        timeout_s=settings.fetch_timeout_s,
    )


def _generate(  # noqa: PLR0913  passed through
    settings: Settings,
    generators: Generators,
    *,
    fetcher: Fetcher,
    scratch: Scratch,
    records: Records,
    progress: ProgressLog,
) -> dict[Product, Generate]:
    return {
        product: Generate(
            PictureServices(generator=router, fetcher=fetcher, scratch=scratch), records=records, progress=progress,
            deadline_s=settings.soft_time_limit_s, max_retries=settings.openai_max_retries,
            keep_partial=product is Product.IMAGES and settings.images_keep_partial,
        )
        for product, router in generators.routers.items()
    }  # fmt: skip
