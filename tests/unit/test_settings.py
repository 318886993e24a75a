from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import settings
from providers.environment import ROOT
from schemas.common import Product
from settings import ProductProviders, Settings, SettingsError, load

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / ".env"
    monkeypatch.setattr(Settings, "model_config", {**Settings.model_config, "env_file": path})
    for name in ("DATA_DIR", "AVATAR_PROVIDERS", "TRYON_PROVIDERS", "PRODUCTS", "PORT"):
        monkeypatch.delenv(name, raising=False)
    return path


def test_a_relative_data_folder_is_relative_to_the_repository(
    env_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings().data_dir == ROOT / "var"
    env_file.write_text("DATA_DIR=elsewhere/data\n")
    assert Settings().data_dir == ROOT / "elsewhere" / "data"
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    assert Settings().data_dir == tmp_path


def test_the_env_file_is_the_one_of_the_repository() -> None:
    assert settings.Settings.model_config["env_file"] == ROOT / ".env"


def test_a_blank_list_of_providers_disables_a_product(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().avatar_providers == ("replicate",)
    env_file.write_text("AVATAR_PROVIDERS=\n")
    assert Settings().avatar_providers == ()
    monkeypatch.setenv("AVATAR_PROVIDERS", "openai")
    assert Settings().avatar_providers == ("openai",)
    monkeypatch.setenv("TRYON_PROVIDERS", " ")
    assert Settings().tryon_providers == ()


def test_any_other_blank_setting_counts_as_unset(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env_file.write_text("PORT=9000\n")
    monkeypatch.setenv("PORT", "")
    assert Settings().port == 9000


def test_faults_of_settings_and_of_the_providers_in_use_are_reported_together(
    env_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env_file.write_text("TRYON_PROVIDERS=openai\n")
    for name, value in {"PORT": "x", "OPENAI_COMPLEXITY": "odd", "REPLICATE_WEBHOOK_SECRET": "S3CRET"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as raised:
        load.__wrapped__()
    assert [line.partition(" ")[0] for line in str(raised.value).splitlines()] == [
        "PORT", "OPENAI_COMPLEXITY", "REPLICATE_WEBHOOK_SECRET",
    ]  # fmt: skip
    assert "S3CRET" not in str(raised.value)


def test_invalid_settings_of_an_unused_provider_are_ignored(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env_file.write_text("TRYON_PROVIDERS=mock\nAVATAR_PROVIDERS=mock\nIMAGES_PROVIDERS=mock\n")
    monkeypatch.setattr(ProductProviders, "model_config", {**ProductProviders.model_config, "env_file": env_file})
    monkeypatch.setenv("OPENAI_COMPLEXITY", "odd")
    assert load.__wrapped__().tryon_providers == ("mock",)


def test_products_are_validated_and_a_blank_list_counts_as_unset(
    env_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env_file.write_text("PRODUCTS=\n")
    assert Settings().products is None
    monkeypatch.setenv("PRODUCTS", "tryon, images")
    assert Settings().products == (Product.TRYON, Product.IMAGES)
    for wrong in ("tryon,tryom", ","):
        monkeypatch.setenv("PRODUCTS", wrong)
        with pytest.raises(ValueError, match="products"):
            Settings()
