"""Packages that `make` installs from an index with newer versions than the pinned ones."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.integration.deploy.package_index import PackageIndex
from tests.unit.deploy.files import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PINNED = {"direct": "1.0", "withextra": "1.0", "transitive": "1.0"}


class Checkout:
    """The Makefile and its install script in a folder with requirements files of its own."""

    def __init__(self, folder: Path, index: PackageIndex, index_url: str) -> None:
        self.index = index
        self._folder, self._index_url = folder, index_url
        (folder / "deploy").mkdir(parents=True)
        for name in ("Makefile", "deploy/install-requirements.sh"):
            shutil.copy2(ROOT / name, folder / name)
        for name in ("requirements-build.txt", "requirements-dev.txt"):
            self.write(name, "")

    def write(self, name: str, text: str) -> None:
        (self._folder / name).write_text(text)

    def make(self) -> subprocess.CompletedProcess[str]:
        """Run the recipe that `make demo` installs with."""
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_", "MAKE", "MFLAGS"))
        }
        settings = {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": self._index_url,
            "PIP_NO_CACHE_DIR": "1",
            "UV_NO_CACHE": "1",
        }
        command = ["make", ".venv/demo.stamp", f"PYTHON={sys.executable}"]
        return subprocess.run(
            command, cwd=self._folder, env=inherited | settings, capture_output=True, text=True, check=False
        )

    def installed(self) -> dict[str, str]:
        """Return the versions of what is installed, without the installers."""
        command = [str(self._folder / ".venv/bin/python"), "-m", "pip", "list", "--format=freeze"]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        return {
            name: version
            for name, _, version in (line.partition("==") for line in lines)
            if name not in {"pip", "setuptools", "uv"}
        }

    def stamped(self) -> bool:
        return (self._folder / ".venv/demo.stamp").exists()


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    """A package `direct` needs `withextra[fast]`, whose extra needs `transitive`; each has a newer release."""
    folder = tmp_path / "index"
    folder.mkdir()
    index = PackageIndex(folder)
    for version in ("2.0", "1.0"):
        pins = [
            index.add("direct", version, requires=(f"withextra[fast]>={version}",)),
            index.add("withextra", version, extra="fast", requires=('transitive>=1.0; extra == "fast"',)),
            index.add("transitive", version),
        ]
    with index.serve() as url:
        found = Checkout(tmp_path / "checkout", index, url)
        found.write("requirements.txt", "".join(pins))
        yield found


@pytest.fixture(params=["uv", "pip"])
def installer(request: pytest.FixtureRequest, checkout: Checkout) -> str:
    """Install with uv, or with pip because the index has no uv."""
    missing = f"uv==0.0.1 --hash=sha256:{'0' * 64}\n"
    checkout.write("requirements-uv.txt", checkout.index.add_installed_uv() if request.param == "uv" else missing)
    return str(request.param)


def test_newer_releases_do_not_change_the_installed_versions(checkout: Checkout, installer: str) -> None:
    done = checkout.make()

    assert done.returncode == 0, done.stderr
    assert checkout.installed() == PINNED
    assert ("Installing it with pip" in done.stderr) == (installer == "pip")
    assert checkout.stamped()


def test_an_artefact_with_another_hash_is_refused(checkout: Checkout, installer: str) -> None:
    checkout.write("requirements.txt", f"transitive==1.0 --hash=sha256:{'0' * 64}\n")

    done = checkout.make()

    assert done.returncode != 0, installer
    assert "hash" in done.stderr.lower()
    assert checkout.installed() == {}
    assert not checkout.stamped()


def test_a_requirements_file_that_lacks_a_dependency_is_reported(checkout: Checkout, installer: str) -> None:
    checkout.write("requirements.txt", checkout.index.add("direct", "1.0", requires=("transitive",)))

    done = checkout.make()

    assert done.returncode != 0, installer
    assert "direct 1.0 requires transitive, which is not installed" in done.stderr
    assert not checkout.stamped()


def test_the_one_wheel_whose_metadata_names_another_platform_is_accepted(checkout: Checkout, installer: str) -> None:
    checkout.write("requirements.txt", checkout.index.add("mediapipe", "0.10.31", tag="cp39-cp39-linux_x86_64"))

    done = checkout.make()

    assert done.returncode == 0, f"{installer}: {done.stderr}"
    assert checkout.stamped()
