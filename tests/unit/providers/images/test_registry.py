from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from providers.images import registry
from providers.images.config import ProviderConfig
from providers.images.mock.provider import MockProvider
from providers.images.mock.settings import MockSettings
from providers.images.openai.settings import OpenAISettings
from providers.images.prices import price_table
from providers.images.replicate.settings import ReplicateSettings
from schemas.errors import Invalid

if TYPE_CHECKING:
    from pathlib import Path

FREE = ProviderConfig(mock_mode=True)
KEYS = {
    "openai": OpenAISettings(api_key=SecretStr("sk-SECRET"), base_url="https://user:SECRET@proxy.example"),
    "replicate": ReplicateSettings(api_token=SecretStr("r8-SECRET")),
}
PAID = ProviderConfig(mock_mode=False, prices=price_table())

MODULE = """
from pydantic import Field
from providers.images.base import Capabilities
from providers.images.config import ProviderSettings

class FreeSettings(ProviderSettings, env_prefix="FREE_"):
    url: str = Field(description="address of the server")

class Free:
    settings_model = FreeSettings
    name = "free"
    capabilities = Capabilities(edit=False, generate=True, paid=False)
    def __init__(self, config): self.config = config
    async def generate(self, request, *, on_started=None, resume=None): ...
    async def aclose(self): ...

class Dear(Free):
    name = "dear"
    capabilities = Capabilities(edit=False, generate=True)

class Liar(Free):
    name = "liar"
    def __init__(self, config): self.capabilities = Dear.capabilities

def nothing(config): return object()
"""
ENTRIES = """[darkroom.image_providers]
free = third_party_pictures:Free
dear = third_party_pictures:Dear
liar = third_party_pictures:Liar
nothing = third_party_pictures:nothing
other = third_party_pictures:Free
absent = third_party_pictures:Absent
openai = third_party_pictures:Free
"""


def install(folder: Path, name: str) -> None:
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRIES)
    (folder / "third_party_pictures.py").write_text(MODULE)


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    install(tmp_path / "one", "third_party_pictures")
    monkeypatch.syspath_prepend(str(tmp_path / "one"))
    monkeypatch.delitem(sys.modules, "third_party_pictures", raising=False)
    return tmp_path


def mock(**values: Any) -> ProviderConfig:
    return ProviderConfig(mock_mode=True, settings=MockSettings(**values))


def code(name: str, config: ProviderConfig) -> str:
    with pytest.raises(Invalid) as raised:
        registry.create(name, config)
    return raised.value.error_code


def test_built_in_providers_are_registered() -> None:
    assert {"mock", "openai", "replicate"} <= set(registry.names())
    assert isinstance(registry.create("mock", mock()), MockProvider)
    for name, settings in KEYS.items():
        assert registry.create(name, PAID.model_copy(update={"settings": settings})).name == name


def test_an_installed_package_is_registered_by_its_entry_point(third_party: Path) -> None:
    assert third_party.is_dir()
    assert "free" in registry.names()
    assert registry.create("free", FREE).name == "free"
    assert registry.create("dear", PAID).name == "dear"


@pytest.mark.usefixtures("third_party")
def test_a_package_cannot_use_the_name_of_a_built_in_provider() -> None:
    assert registry.find("openai").settings_model is OpenAISettings


@pytest.mark.usefixtures("third_party")
@pytest.mark.parametrize("name", ["nobody", "absent", "nothing", "other"])
def test_an_entry_point_that_is_not_a_provider_of_its_name_is_refused(name: str) -> None:
    assert code(name, FREE if name == "other" else PAID) == "provider_unknown"


def test_a_name_registered_by_two_packages_is_refused(third_party: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(third_party / "two", "third_party_again")
    monkeypatch.syspath_prepend(str(third_party / "two"))
    assert code("free", FREE) == "provider_unknown"


@pytest.mark.usefixtures("third_party")
@pytest.mark.parametrize("name", ["openai", "replicate", "dear", "liar"])
def test_in_mock_mode_paid_providers_cannot_be_created(name: str) -> None:
    assert code(name, PAID.model_copy(update={"mock_mode": True})) == "mock_mode"


@pytest.mark.usefixtures("third_party")
def test_in_mock_mode_the_mock_replaces_paid_providers() -> None:
    assert registry.in_mock_mode(("openai", "free", "replicate", "dear")) == ("mock", "free")


def test_a_config_shows_no_secrets() -> None:
    assert "SECRET" not in repr(PAID.model_copy(update={"settings": KEYS["openai"]}))


def test_the_mock_is_created_from_its_settings() -> None:
    provider = registry.create("mock", mock(latency_s=0.5, failures="hang=0.1, empty=0.2", seed=7))
    assert vars(provider)["_latency_s"] == 0.5
    assert vars(provider)["_shares"] == {"hang": 0.1, "empty": 0.2}
    assert vars(provider)["_seed"] == 7
    for wrong in ("hang", "hang=much", "fire=0.1"):
        with pytest.raises(Invalid):
            registry.create("mock", mock(failures=wrong))


@pytest.mark.usefixtures("third_party")
def test_each_provider_brings_its_own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    models = registry.settings_models()
    assert set(models["free"].variables().values()) == {"FREE_URL"}
    assert "OPENAI_API_KEY" in models["openai"].variables().values()
    monkeypatch.setenv("FREE_URL", "http://localhost:1")
    assert registry.read_settings("free").model_dump() == {"url": "http://localhost:1"}


@pytest.mark.usefixtures("third_party")
def test_the_error_of_a_provider_names_the_missing_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FREE_URL", raising=False)
    with pytest.raises(Invalid, match=r"^FREE_URL \(address of the server\): Field required$"):
        registry.read_settings("free")


def test_a_provider_imports_its_own_sdk_only() -> None:
    script = """
import sys
from providers.images.config import ProviderConfig
from providers.images.registry import create, read_settings, settings_models
settings_models()
create("mock", ProviderConfig(mock_mode=True, settings=read_settings("mock")))
sys.exit(" ".join({"openai", "replicate", "httpx", "httpx2"} & set(sys.modules)) or 0)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
