"""Settings: environment variables, `.env`, or files of secrets. Frozen, validated all at once, secrets hidden.

Read at the edges only (`actors`, `commands`, `http`) and handed in from there.
"""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

Positive = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]
#: Relative paths of settings start here, wherever a command is run from.
ROOT = Path(__file__).resolve().parent
#: Lists whose blank value is a value: it switches the product off.
SWITCHES = frozenset({"tryon_providers", "avatar_providers", "images_providers"})
#: A comma-separated list in the environment, a tuple here.
Words = Annotated[tuple[str, ...], NoDecode]


class SecretFiles(SecretsSettingsSource):
    """Settings from files named after them; a blank file is like none, as a blank variable is."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The value or None, its name, whether it must be parsed."""
        value, name, is_complex = super().get_field_value(field, field_name)
        return value or None, name, is_complex


def _without_blanks(found: dict[str, Any]) -> dict[str, Any]:
    """A blank variable is like none, except where blank means none at all."""
    return {name: value for name, value in found.items() if value or name in SWITCHES}


class Environment(EnvSettingsSource):
    """Settings from environment variables."""

    def __call__(self) -> dict[str, Any]:
        """Return the values by field."""
        return _without_blanks(super().__call__())


class EnvFile(DotEnvSettingsSource):
    """Settings from `.env`."""

    def __call__(self) -> dict[str, Any]:
        """Return the values by field."""
        return _without_blanks(super().__call__())


class Settings(BaseSettings):
    """Everything that can be set. Each field's description says what it is for; units are in the names."""

    model_config = SettingsConfigDict(env_file=ROOT / ".env", env_file_encoding="utf-8", extra="ignore", frozen=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003  ours leave out what is blank
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  the same
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over `.env`, which wins over the files in `SECRETS_DIR` (`/run/secrets`)."""
        folder = Path(os.environ.get("SECRETS_DIR", "/run/secrets"))
        files = (SecretFiles(settings_cls, folder),) if folder.is_dir() else ()
        return init_settings, Environment(settings_cls), EnvFile(settings_cls), *files

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

    openai_api_key: SecretStr | None = Field(None, description="OpenAI key")
    openai_base_url: str | None = Field(None, description="OpenAI address, for a proxy")
    openai_max_retries: Annotated[int, Field(ge=0)] = Field(
        3, description="retries after a transient failure, of every stage and every provider"
    )
    openai_model: str = Field("gpt-image-2.6-flare", description="OpenAI image model")
    openai_quality: str = Field(
        "medium", description="OpenAI image quality: low, medium, high, auto; from gpt-image-2.5 on xhigh and max"
    )
    openai_complexity: Literal["low", "medium", "high"] | None = Field(
        None, description="how much a gpt-image-2.6 model plans, its own choice if unset"
    )
    openai_size: str | None = Field(None, description="size of OpenAI's pictures, `WxH`, instead of 1024x1536")
    replicate_api_token: SecretStr | None = Field(None, description="Replicate token")
    replicate_base_url: str | None = Field(None, description="Replicate address, for a proxy")
    replicate_model: str = Field("black-forest-labs/flux-1.1-pro", description="Replicate image model")
    replicate_webhook_secret: SecretStr | None = Field(
        None, description="what Replicate signs webhooks with, `whsec_…`; they need an https PUBLIC_URL; off if unset"
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
    tryon_providers: Words = Field(
        ("openai",), description="image providers for try-on, in order; empty: the product is off"
    )
    avatar_providers: Words = Field(
        ("replicate",), description="image providers for avatars, in order; empty: the product is off"
    )
    images_providers: Words = Field(
        ("openai",), description="image providers for product pictures, in order; empty: the product is off"
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

    mock_latency_s: Annotated[float, Field(ge=0)] = Field(0.2, description="how long the mock provider takes")
    mock_failures: Words = Field(
        (), description="mock failures `kind=share`: rate_limit, server_error, moderation, hang, empty"
    )
    mock_seed: int = Field(0, description="makes the mock's failures repeatable")

    worker_concurrency: Positive = Field(
        64, description="concurrent jobs in the stage `generate` per worker process; other stages have fixed limits"
    )
    max_in_flight: Positive = Field(512, description="maximum number of running jobs, all workers together")
    lease_s: Annotated[float, Field(ge=1)] = Field(
        20.0, description="duration of a lease; a job whose lease expires is recovered by another worker"
    )
    max_recoveries: Annotated[int, Field(ge=0)] = Field(
        3, description="recoveries of a job before it fails and is refunded"
    )
    recovery_interval_s: Seconds = Field(3.0, description="interval at which each worker looks for expired leases")
    stuck_after_s: Seconds = Field(
        900.0,
        description="age at which a session without a job is failed; longest wait of a job for an unavailable service",
    )
    soft_time_limit_s: Seconds = Field(300.0, description="time limit of one attempt of a stage, such as a generation")
    hard_time_limit_s: Seconds = Field(
        330.0, description="time after which a stage is cut off and its lease no longer renewed"
    )
    shutdown_grace_s: Seconds = Field(20.0, description="time that running stages have to finish after SIGTERM")
    dead_letter_ttl_s: Positive = Field(14 * 86_400, description="retention of dead letters")
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
    fetch_max_pixels: Positive = Field(40_000_000, description="maximum pixels of a decoded picture")
    fetch_timeout_s: Seconds = Field(10.0, description="deadline of one fetch, redirects included")
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
    api_token: SecretStr | None = Field(None, description="API token with all scopes")
    api_tokens: SecretStr | None = Field(
        None,
        description="API tokens, `name:scopes:secret[:owner]`, comma-separated; scopes: produce+read+operate",
    )
    open_endpoints: Words = Field((), description="paths that need no token, such as /estimate-body")
    signing_key: SecretStr | None = Field(None, description="key that signs links; created in DATA_DIR if unset")
    rate_limit_per_minute: Positive = Field(600, description="maximum HTTP calls per minute and token")
    cors_origins: Words = Field((), description="origins that browsers may call from")
    host: str = Field("127.0.0.1", description="address the HTTP service binds to")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(8000, description="port the HTTP service binds to")
    public_url: str | None = Field(None, description="base address of links; made from HOST and PORT if unset")
    http_max_body_bytes: Positive = Field(1_000_000, description="maximum size of an HTTP body without pictures")

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

    @field_validator(
        "tryon_providers", "avatar_providers", "images_providers", "provider_rpm", "provider_concurrency",
        "provider_daily_usd", "mock_failures", "fetch_allowed_networks", "fetch_allowed_hosts", "fetch_result_hosts",
        "webhook_allowed_networks", "open_endpoints", "cors_origins",
        mode="before",
    )  # fmt: skip
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value

    @field_validator("replicate_webhook_secret")
    @classmethod
    def _is_a_signing_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not re.fullmatch(r"whsec_[A-Za-z0-9+/]{16,}={0,2}", value.get_secret_value()):
            raise ValueError("must be whsec_ and base64, as GET /v1/webhooks/default/secret of Replicate gives it")
        return value

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
        if self.replicate_webhook_secret and self.public_url and not self.public_url.startswith("https://"):
            raise ValueError("REPLICATE_WEBHOOK_SECRET needs a PUBLIC_URL that starts with https://")
        if bool(self.supabase_url) != bool(self.supabase_service_role_key):
            raise ValueError("SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY go together")
        return self


class SettingsError(Exception):
    """One or more settings are missing or malformed; the message names all of them."""


@functools.cache
def load() -> Settings:
    """The process's settings.

    Raises:
        SettingsError: Naming every fault at once, with what the setting is for; never the value of a secret.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("\n".join(_fault(item) for item in error.errors(include_input=False))) from None


def _fault(item: Any) -> str:
    if not item["loc"]:
        return str(item["msg"]).removeprefix("Value error, ")
    name = str(item["loc"][0])
    return f"{name.upper()} ({Settings.model_fields[name].description}): {item['msg']}"
