from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from providers.images.openai.settings import OpenAISettings
from settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))
    monkeypatch.setattr(Settings, "model_config", {**Settings.model_config, "env_file": None})
    monkeypatch.setattr(OpenAISettings, "model_config", {**OpenAISettings.model_config, "env_file": None})
    for name in ("REDIS_URL", "OPENAI_API_KEY", "API_TOKENS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def revealed(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def test_a_secret_is_read_from_the_file_of_its_name(secrets: Path) -> None:
    (secrets / "openai_api_key").write_text("from-a-file\n")
    assert revealed(OpenAISettings().api_key) == "from-a-file"


def test_the_environment_takes_precedence_over_a_file(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (secrets / "openai_api_key").write_text("from-a-file\n")
    monkeypatch.setenv("OPENAI_API_KEY", "from-the-environment")
    assert revealed(OpenAISettings().api_key) == "from-the-environment"


@pytest.mark.parametrize("text", ["", "\n", "  \n"])
def test_a_blank_file_is_ignored(secrets: Path, text: str) -> None:
    (secrets / "api_tokens").write_text(text)
    assert revealed(Settings().api_tokens) is None


def test_values_from_a_file_are_validated(secrets: Path) -> None:
    (secrets / "redis_url").write_text("ftp://somewhere")
    with pytest.raises(ValueError, match="must start with redis://"):
        Settings()


def test_a_missing_folder_is_accepted(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRETS_DIR", str(secrets / "missing"))
    assert revealed(Settings().redis_url) is None
