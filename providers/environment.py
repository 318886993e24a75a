"""Reads settings from environment variables, `.env` and files of secrets.

`settings.Settings` and the settings models of image providers share this base class, so that every setting is read in
the same way: the environment wins over `.env`, which wins over the files in `SECRETS_DIR` (`/run/secrets`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic.fields import FieldInfo

#: The repository: relative paths of settings start here, whatever the working directory.
ROOT = Path(__file__).resolve().parents[1]


def split_words(value: Any) -> Any:
    """Return the words of a comma-separated text as a tuple; any other value unchanged."""
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


#: A comma-separated list in the environment, a tuple in Python.
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_words)]

#: Length of a secret that can't be guessed, if it is random.
MIN_SECRET_CHARS = 16
#: A key or token of our own.
LongSecret = Annotated[SecretStr, Field(min_length=MIN_SECRET_CHARS)]


class _SecretFiles(SecretsSettingsSource):
    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        value, name, is_complex = super().get_field_value(field, field_name)
        return value or None, name, is_complex  # a blank file counts as unset, as a blank variable does


class _Variables(EnvSettingsSource):
    def __call__(self) -> dict[str, Any]:
        return _without_blanks(self.settings_cls, super().__call__())


class _EnvFile(DotEnvSettingsSource):
    def __call__(self) -> dict[str, Any]:
        return _without_blanks(self.settings_cls, super().__call__())


class EnvironmentSettings(BaseSettings):
    """Base class of settings models: frozen; blank values count as unset, except those of `BLANK_ALLOWED`."""

    model_config = SettingsConfigDict(env_file=ROOT / ".env", env_file_encoding="utf-8", extra="ignore", frozen=True)
    #: Fields for which a blank value differs from no value.
    BLANK_ALLOWED: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003  replaced by a source that drops blank values
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  the same
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources in order of precedence: arguments, environment, `.env`, files of secrets."""
        folder = Path(os.environ.get("SECRETS_DIR", "/run/secrets"))
        files = (_SecretFiles(settings_cls, folder),) if folder.is_dir() else ()
        return init_settings, _Variables(settings_cls), _EnvFile(settings_cls), *files

    @classmethod
    def variables(cls) -> dict[str, str]:
        """Return the environment variable of each field, by field name."""
        prefix = cls.model_config.get("env_prefix", "")
        return {
            name: field.validation_alias if isinstance(field.validation_alias, str) else f"{prefix}{name}".upper()
            for name, field in cls.model_fields.items()
        }

    @classmethod
    def describe_faults(cls, error: ValidationError) -> list[str]:
        """Return a sentence per fault: the variable, what it is for and what is wrong, never the value."""
        return [cls._describe_fault(item) for item in error.errors(include_input=False)]

    @classmethod
    def _describe_fault(cls, item: Any) -> str:
        message = str(item["msg"]).removeprefix("Value error, ")
        if not item["loc"]:
            return message
        location, variables = str(item["loc"][0]), cls.variables()
        # Pydantic reports a field with an alias under its alias.
        field = next(name for name, variable in variables.items() if location in {name, variable})
        return f"{variables[field]} ({cls.model_fields[field].description}): {message}"


def _without_blanks(model: type[BaseSettings], values: dict[str, Any]) -> dict[str, Any]:
    allowed = model.BLANK_ALLOWED if issubclass(model, EnvironmentSettings) else frozenset()
    return {name: value for name, value in values.items() if value or name in allowed}
