"""Making the bundle from a wheel, on a wheel of our own: the real one is 36 MB away."""

from __future__ import annotations

import hashlib
import http.server
import threading
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
from mediapipe.tasks.metadata import schema_py_generated as schema_fb

from devtools.pictures.synthetic_person import draw_person
from providers.pose import bundle
from providers.pose.load import load_estimator
from providers.pose.wheel import download_wheel
from schemas.errors import Invalid, Unavailable
from tests.integration.providers.pose.model import installed_model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "mediapipe-0.10.21-cp312-cp312-manylinux_2_28_x86_64.whl"
METADATA = b"Metadata-Version: 2.1\nName: mediapipe\nVersion: 0.10.21\n"
WHEEL = b"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp312-cp312-manylinux_2_28_x86_64\n"


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel with the two models, whose checksums are expected."""
    path = tmp_path / NAME
    with zipfile.ZipFile(installed_model()) as models, zipfile.ZipFile(path, "w") as made:
        sources = {}
        for name, (inside, _) in bundle._SOURCES.items():
            data = models.read(name)
            made.writestr(inside, data)
            sources[name] = (inside, hashlib.sha256(data).hexdigest())
        made.writestr("mediapipe-0.10.21.dist-info/METADATA", METADATA)
        made.writestr("mediapipe-0.10.21.dist-info/WHEEL", WHEEL)
        made.writestr("mediapipe-0.10.21.dist-info/RECORD", b"")
    monkeypatch.setattr(bundle, "_SOURCES", sources)
    monkeypatch.setattr(bundle, "WHEEL_SHA256", bundle.sha256_of(path))
    return path


@pytest.fixture
def any_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """The result has no known checksum; the models' own are still checked."""
    check = bundle.require_sha256

    def only_inputs(data: bytes, expected: str, what: str) -> None:
        if what != "The assembled pose model":
            check(data, expected, what)

    monkeypatch.setattr(bundle, "require_sha256", only_inputs)


@pytest.fixture
def index(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """pip's only index is a server on this machine that has the wheel."""
    data = wheel.read_bytes()
    page = f'<!doctype html><a href="/{NAME}#sha256={hashlib.sha256(data).hexdigest()}">{NAME}</a>'.encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = data if self.path.endswith(".whl") else page
            self.send_response(200)
            self.send_header("Content-Type", "text/html" if body is page else "application/octet-stream")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        only(monkeypatch, f"http://127.0.0.1:{server.server_port}/simple")
        yield
        server.shutdown()


def only(monkeypatch: pytest.MonkeyPatch, index_url: str) -> None:
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", index_url)
    monkeypatch.setenv("PIP_RETRIES", "0")


@pytest.mark.usefixtures("any_result")
def test_the_same_wheel_gives_the_same_bundle_and_mediapipe_loads_it(wheel: Path, tmp_path: Path) -> None:
    made = bundle.assemble(wheel)
    (tmp_path / "made.task").write_bytes(made)
    estimator = load_estimator(tmp_path / "made.task")

    assert bundle.assemble(wheel) == made
    assert len(estimator.detect(np.asarray(draw_person()))) == 1
    estimator.close()


@pytest.mark.usefixtures("any_result")
def test_declaring_the_normalisation_does_not_change_the_weights(wheel: Path, tmp_path: Path) -> None:
    (tmp_path / "made.task").write_bytes(bundle.assemble(wheel))
    with zipfile.ZipFile(installed_model()) as old, zipfile.ZipFile(tmp_path / "made.task") as new:
        before, after = (schema_fb.ModelT.InitFromPackedBuf(it.read(bundle.LANDMARKS)) for it in (old, new))

    assert len(after.buffers) == len(before.buffers) + 1
    for one, other in zip(before.buffers, after.buffers, strict=False):
        assert (one.data is None) == (other.data is None)
        assert one.data is None or bytes(one.data) == bytes(other.data)


def test_an_unexpected_result_is_refused(wheel: Path) -> None:
    with pytest.raises(Invalid, match="assembled"):
        bundle.assemble(wheel)


def test_a_modified_model_is_refused(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = {name: (inside, "0" * 64) for name, (inside, _) in bundle._SOURCES.items()}
    monkeypatch.setattr(bundle, "_SOURCES", changed)
    with pytest.raises(Invalid, match="checksum"):
        bundle.assemble(wheel)


@pytest.mark.usefixtures("index")
def test_the_wheel_is_downloaded_from_pips_configured_index(wheel: Path, tmp_path: Path) -> None:
    folder = tmp_path / "downloaded"
    folder.mkdir()

    assert download_wheel(folder).read_bytes() == wheel.read_bytes()


def test_without_an_index_the_message_names_the_alternatives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "http://127.0.0.1:9/simple")
    with pytest.raises(Unavailable, match="POSE_MODEL_PATH"):
        download_wheel(tmp_path)
