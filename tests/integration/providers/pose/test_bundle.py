from __future__ import annotations

import hashlib
import http.server
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from mediapipe.tasks.metadata import metadata_schema_py_generated as metadata_fb
from mediapipe.tasks.metadata import schema_py_generated as schema_fb

from commands.pose_model import pose_model
from providers.pose.bundle import BUNDLE_SHA256, DETECTOR, LANDMARKS, assemble, sha256_of
from schemas.errors import Invalid, Unavailable
from settings import Settings
from tests.integration.providers.pose.model import installed_model


def settings(folder: Path, **values: object) -> Settings:
    unset = {"pose_model_path": None, "pose_model_url": None, "pose_model_sha256": None}
    return Settings.model_validate({"data_dir": folder, **unset, **values})


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The address of a server that has the bundle at /model.task."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "model.task").write_bytes(installed_model().read_bytes())

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/model.task"
        server.shutdown()


def test_the_assembled_bundle_has_the_known_checksum() -> None:
    assert sha256_of(installed_model()) == BUNDLE_SHA256


def test_the_models_are_stored_uncompressed_and_aligned() -> None:
    with zipfile.ZipFile(installed_model()) as bundle:
        assert bundle.namelist() == [DETECTOR, LANDMARKS]
        for info in bundle.infolist():
            assert info.compress_type == zipfile.ZIP_STORED
            assert (info.header_offset + 30 + len(info.filename) + len(info.extra)) % 64 == 0


def test_the_landmark_model_declares_the_normalisation_of_its_input() -> None:
    with zipfile.ZipFile(installed_model()) as bundle:
        model = schema_fb.ModelT.InitFromPackedBuf(bundle.read(LANDMARKS))
    [entry] = [entry for entry in model.metadata if entry.name == b"TFLITE_METADATA"]
    packed = bytes(model.buffers[entry.buffer].data)
    metadata = metadata_fb.ModelMetadataT.InitFromPackedBuf(packed)
    [unit] = metadata.subgraphMetadata[0].inputTensorMetadata[0].processUnits

    assert packed[4:8] == b"M001"
    assert metadata.minParserVersion == b"1.0.0"
    assert (list(unit.options.mean), list(unit.options.std)) == ([0.0], [255.0])


def test_the_weights_are_aligned_to_16_bytes() -> None:
    with zipfile.ZipFile(installed_model()) as bundle:
        model = schema_fb.Model.GetRootAs(bundle.read(LANDMARKS), 0)
    tables = [model.Buffers(index)._tab for index in range(model.BuffersLength())]
    starts = [table.Vector(table.Offset(4)) for table in tables if table.Offset(4)]

    assert len(starts) > 200
    assert {start % 16 for start in starts} == {0}


def test_an_existing_model_is_kept(tmp_path: Path) -> None:
    target = pose_model(settings(tmp_path, pose_model_path=installed_model()))
    before = target.stat().st_mtime_ns

    assert pose_model(settings(tmp_path)) == target
    assert target.stat().st_mtime_ns == before
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_a_damaged_model_is_replaced(tmp_path: Path) -> None:
    wanted = settings(tmp_path, pose_model_path=installed_model())
    pose_model(wanted).write_bytes(b"damaged")

    assert sha256_of(pose_model(wanted)) == BUNDLE_SHA256


def test_a_model_is_downloaded_with_its_checksum(tmp_path: Path, served: str) -> None:
    target = pose_model(settings(tmp_path, pose_model_url=served, pose_model_sha256=BUNDLE_SHA256.upper()))
    assert sha256_of(target) == BUNDLE_SHA256


def test_a_download_without_a_checksum_is_refused(tmp_path: Path, served: str) -> None:
    with pytest.raises(Invalid, match="POSE_MODEL_SHA256"):
        pose_model(settings(tmp_path, pose_model_url=served))


def test_a_download_with_another_checksum_is_refused_and_deleted(tmp_path: Path, served: str) -> None:
    with pytest.raises(Invalid, match="checksum"):
        pose_model(settings(tmp_path, pose_model_url=served, pose_model_sha256="0" * 64))
    assert list((tmp_path / "models").iterdir()) == []


def test_the_error_of_a_failed_download_does_not_contain_the_url(tmp_path: Path, served: str) -> None:
    with pytest.raises(Unavailable) as failure:
        pose_model(settings(tmp_path, pose_model_url=f"{served}.gone?key=secret", pose_model_sha256="0" * 64))
    assert "secret" not in str(failure.value)


@pytest.mark.parametrize("content", [b"no zip", b"PK\x05\x06" + bytes(18)])
def test_a_file_that_is_not_a_bundle_is_refused(tmp_path: Path, content: bytes) -> None:
    odd = tmp_path / "odd.task"
    odd.write_bytes(content)
    with pytest.raises(Invalid):
        pose_model(settings(tmp_path, pose_model_path=odd))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="POSE_MODEL_PATH"):
        pose_model(settings(tmp_path, pose_model_path=tmp_path / "none"))


def test_an_unknown_wheel_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "mediapipe.whl"
    wheel.write_bytes(b"another")
    with pytest.raises(Invalid, match="checksum"):
        assemble(wheel)


def test_the_checksum_of_a_file_is_its_sha256(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    assert sha256_of(tmp_path / "file") == hashlib.sha256(b"abc").hexdigest()
