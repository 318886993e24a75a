"""Settings: environment variables, `.env`, or files of secrets. Frozen, validated all at once, secrets hidden.

Read at the edges only (`actors`, `commands`, `http`) and handed in from there.
"""

from __future__ import annotations

import functools
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import NoDecode

from providers.environment import ROOT, EnvironmentSettings, LongSecret, Words, split_words
from providers.images.privacy import PrivacyClass
from providers.images.registry import MOCK, settings_models
from schemas.common import Product

Positive = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]
Products = Annotated[tuple[Product, ...], NoDecode, BeforeValidator(split_words), Field(min_length=1)]


def _check_networks(value: tuple[str, ...]) -> tuple[str, ...]:
    for network in value:
        ip_network(network)
    return value


Networks = Annotated[Words, AfterValidator(_check_networks)]


class ProductProviders(EnvironmentSettings):
    """The image providers of each product. Reading these can't fail, so every fault elsewhere can be reported too."""

    BLANK_ALLOWED = frozenset({"tryon_providers", "avatar_providers", "images_providers"})

    tryon_providers: Words = Field(
        ("openai",), description="image providers for try-on, in order; empty: the product is off"
    )
    avatar_providers: Words = Field(
        ("replicate",), description="image providers for avatars, in order; empty: the product is off"
    )
    images_providers: Words = Field(
        ("openai",), description="image providers for product pictures, in order; empty: the product is off"
    )


class Settings(ProductProviders):
    """All settings but those of image providers. Descriptions say what each is for; units are in the names."""

    redis_url: SecretStr | None = Field(
        None, description="Redis or Valkey address: redis://, rediss://, unix:// or sentinel://"
    )
    database_url: SecretStr | None = Field(
        None, description="PostgreSQL address for records; takes precedence over Supabase"
    )
    supabase_url: str | None = Field(None, description="address of the Supabase project, for records and storage")
    supabase_service_role_key: SecretStr | None = Field(None, description="service-role key of the Supabase project")
    supabase_timeout_s: Seconds = Field(
        10.0,
        description="deadline of one call to the database, through PostgreSQL or Supabase, and to Supabase storage",
    )

    whatsapp_phone_number_id: str | None = Field(
        None, description="id of the phone number that sends WhatsApp messages"
    )
    whatsapp_access_token: SecretStr | None = Field(None, description="access token of Meta's Cloud API")
    whatsapp_base_url: str = Field("https://graph.facebook.com", description="address of Meta's Graph API")
    whatsapp_api_version: str = Field("v23.0", description="version of Meta's Graph API")
    webhook_keys: SecretStr | None = Field(
        None,
        description="keys that webhook secrets are derived from, comma-separated, newest first; SIGNING_KEY if unset",
    )
    webhook_allowed_networks: Words = Field((), description="private networks that webhooks may be sent to")

    ai_mock_mode: bool = Field(default=True, description="use the mock instead of any provider that costs money")
    products: Products | None = Field(
        None,
        description="enabled products: tryon, avatar, images; if unset, those whose tables the database has, or all",
    )
    provider_rpm: Words = Field(
        ("openai=300",), description="maximum calls started in any 60 seconds, `provider=number`, all workers together"
    )
    provider_concurrency: Words = Field(
        (), description="maximum concurrent calls, `provider=number`, all workers together"
    )
    provider_daily_usd: Words = Field((), description="budget per UTC day in US dollars, `provider=number`")
    owner_daily_usd: float | None = Field(None, ge=0, description="budget per owner and UTC day in US dollars")
    budget_policy: Literal["wait", "fail"] = Field(
        "fail", description="tasks over budget fail and are refunded, or wait for the next UTC day"
    )
    provider_prices: str | None = Field(
        None, description="JSON object that overrides entries of the built-in price table"
    )
    provider_privacy: Words = Field(
        (), description="privacy class that your contract with a provider grants, `provider=class`"
    )
    provider_min_privacy: PrivacyClass = Field(
        PrivacyClass.ANY,
        description="least private class of providers in use: any, no_training, deleted_within_30_days,"
        " deleted_within_a_day or self_hosted",
    )
    moderation_fallback: bool = Field(
        default=False, description="let the next provider try once after one has refused the content"
    )

    worker_concurrency: Positive = Field(
        64, description="concurrent jobs in the stage `generate` per worker process; other stages have fixed limits"
    )
    max_in_flight: Positive = Field(512, description="maximum number of running jobs, all workers together")
    lease_s: Annotated[float, Field(ge=1)] = Field(
        20.0, description="duration of a worker's lease; when it expires, its jobs are recovered by another worker"
    )
    max_recoveries: Annotated[int, Field(ge=0)] = Field(
        3, description="recoveries of a job before it fails and is refunded"
    )
    #: Named after the first provider, and kept for compatibility: it applies to every stage and every provider.
    openai_max_retries: Annotated[int, Field(ge=0)] = Field(
        3, description="retries after a transient failure, of every stage and every provider"
    )
    recovery_interval_s: Seconds = Field(3.0, description="interval at which each worker looks for lost jobs")
    stuck_after_s: Seconds = Field(
        900.0,
        description="age at which a session without a job is failed; longest wait of a job for an unavailable service",
    )
    soft_time_limit_s: Seconds = Field(300.0, description="time limit of one attempt of a stage, such as a generation")
    hard_time_limit_s: Seconds = Field(330.0, description="time after which a stage is cut off")
    shutdown_grace_s: Seconds = Field(20.0, description="time that running stages have to finish after SIGTERM")
    job_ttl_s: Annotated[int, Field(ge=86_400)] = Field(
        30 * 86_400, description="retention of jobs; the ids of deleted ones are kept, so that no task runs again"
    )
    delivery_ttl_s: Positive = Field(30 * 86_400, description="retention of deliveries that were sent or given up")
    request_ttl_s: Positive = Field(
        86_400, description="retention of orders over HTTP: how long a repeated `Idempotency-Key` is recognised"
    )
    dead_letter_ttl_s: Positive = Field(14 * 86_400, description="retention of dead letters")
    audit_ttl_s: Positive | None = Field(
        None, description="retention of Darkroom's entries in `audit_log`; for ever if unset"
    )
    size_feedback_ttl_s: Positive | None = Field(None, description="retention of size feedback; for ever if unset")
    progress_ttl_s: Positive = Field(86_400, description="retention of a task's latest progress event")
    avatar_price_credits: Annotated[int, Field(ge=0)] = Field(
        0, description="price in credits of an avatar photo ordered over HTTP"
    )
    images_price_credits: Annotated[int, Field(ge=0)] = Field(
        0, description="price in credits of a batch ordered over HTTP"
    )
    tryon_max_refund_credits: Annotated[int, Field(ge=0)] = Field(
        1, description="maximum refund in credits of a try-on that was not charged over HTTP"
    )
    images_keep_partial: bool = Field(
        default=False, description="keep the finished pictures of a batch when the rest failed"
    )

    fetch_allowed_networks: Words = Field((), description="private networks that pictures may be fetched from")
    fetch_allowed_hosts: Words = Field(
        (), description="the only hosts that input pictures may be fetched from; any public host if empty"
    )
    fetch_result_hosts: Words = Field(
        (), description="the only hosts that provider results may be fetched from; any public host if empty"
    )
    fetch_max_bytes: Positive = Field(20_000_000, description="maximum size of a fetched picture")
    fetch_memory_bytes: Positive = Field(
        256_000_000, description="maximum bytes of pictures being fetched, per process; at least twice FETCH_MAX_BYTES"
    )
    fetch_max_pixels: Positive = Field(40_000_000, description="maximum pixels of a decoded picture")
    fetch_timeout_s: Seconds = Field(10.0, description="deadline of one fetch, redirects included")
    decoder_processes: Positive | None = Field(
        None,
        description="maximum processes per worker and HTTP process that decode pictures; one per core if unset",
    )
    input_max_px: Positive = Field(1024, description="maximum side length of an input picture after resizing")

    watermark_text: str = Field("Darkroom", min_length=1, max_length=64, description="text of the watermark")
    watermark_tryon: bool = Field(default=False, description="put the watermark on try-on pictures")
    watermark_images: bool = Field(default=False, description="put the watermark on product pictures")
    credit_line: str = Field(
        "Made with AI by Darkroom", max_length=200, description="credit in the metadata of finished pictures"
    )

    scratch: Literal["folder", "redis"] = Field(
        "folder", description="where bytes are kept between stages; several machines need redis"
    )
    api_token: LongSecret | None = Field(None, description="API token with all scopes; at least 16 characters")
    api_tokens: SecretStr | None = Field(
        None,
        description="API tokens, `name:scopes:secret[:owner]`, comma-separated; scopes: produce+read+operate; "
        "secrets of at least 16 characters",
    )
    open_endpoints: Words = Field((), description="paths that need no token, such as /estimate-body")
    signing_key: LongSecret | None = Field(
        None, description="key that signs links, at least 16 characters; created in DATA_DIR if unset"
    )
    rate_limit_per_minute: Positive = Field(600, description="maximum HTTP calls per minute and token")
    trusted_proxies: Networks = Field(
        (), description="networks of proxies whose X-Forwarded-For names the client, for the rate limit and the log"
    )
    cors_origins: Words = Field((), description="origins that browsers may call from")
    host: str = Field("127.0.0.1", description="address the HTTP service binds to")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(8000, description="port the HTTP service binds to")
    public_url: str | None = Field(None, description="base address of links; made from HOST and PORT if unset")
    http_max_body_bytes: Positive = Field(262_144, description="maximum size of an HTTP body without pictures")

    population: Literal["england", "us"] = Field(
        "england", description="adults whose body weights stand for an unknown weight: `england` or `us`"
    )
    pose_model_path: Path | None = Field(None, description="path of the pose landmarker bundle")
    pose_model_url: str | None = Field(None, description="address to download the pose landmarker bundle from")
    pose_model_sha256: str | None = Field(None, description="SHA-256 checksum of the bundle at POSE_MODEL_URL")

    data_dir: Path = Field(
        ROOT / "var", description="folder for everything kept on disk; a relative path starts at the repository"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="minimum level of log lines")
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="JSON, or colours on a terminal; auto chooses by whether there is a terminal"
    )

    @property
    def base_url(self) -> str:
        """The address that links to the HTTP service start with: PUBLIC_URL, else that of HOST and PORT."""
        if self.public_url:
            return self.public_url.rstrip("/")
        # "All interfaces" is no address to go to.
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104  compared, not bound to
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @field_validator("data_dir")
    @classmethod
    def _from_the_repository(cls, value: Path) -> Path:
        return ROOT / value

    @field_validator("redis_url")
    @classmethod
    def _upgrade_to_tls(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        url = urlsplit(value.get_secret_value())
        if url.scheme not in {"redis", "rediss", "unix", "sentinel"}:
            raise ValueError("must start with redis://, rediss://, unix:// or sentinel://")
        if url.scheme == "redis" and (url.hostname or "").endswith(".upstash.io"):
            return SecretStr("rediss" + value.get_secret_value()[len("redis") :])
        return value

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        if self.hard_time_limit_s <= self.soft_time_limit_s:
            raise ValueError("HARD_TIME_LIMIT_S must be longer than SOFT_TIME_LIMIT_S")
        if self.fetch_memory_bytes < 2 * self.fetch_max_bytes:
            raise ValueError("FETCH_MEMORY_BYTES must be at least twice FETCH_MAX_BYTES")
        if bool(self.supabase_url) != bool(self.supabase_service_role_key):
            raise ValueError("SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY go together")
        return self


class SettingsError(Exception):
    """One or more settings are missing or malformed; the message names all of them."""


@functools.cache
def load() -> Settings:
    """Return the settings of this process, after reading those of the image providers in use as well.

    Raises:
        SettingsError: Settings are missing or malformed; names all of them and their purpose, never a secret's value.
    """
    lists = ProductProviders()
    listed = {MOCK, *lists.tryon_providers, *lists.avatar_providers, *lists.images_providers}
    # An unknown name is left to `manage.py check` and the worker: it takes out that provider only.
    models: list[type[EnvironmentSettings]] = [Settings]
    models += [model for name, model in settings_models().items() if name in listed]
    if faults := [fault for model in models for fault in _faults(model)]:
        raise SettingsError("\n".join(dict.fromkeys(faults)))
    return Settings()


def every_setting() -> dict[str, FieldInfo]:
    """Return the fields of all settings by environment variable, with those of all image providers."""
    models: list[type[EnvironmentSettings]] = [Settings, *settings_models().values()]
    found: dict[str, FieldInfo] = {}
    for model in models:
        for name, variable in model.variables().items():
            found.setdefault(variable, model.model_fields[name])
    return found


def _faults(model: type[EnvironmentSettings]) -> list[str]:
    try:
        model()
    except ValidationError as error:
        return model.describe_faults(error)
    return []
