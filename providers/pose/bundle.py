"""The pose landmarker bundle: a `.task` file with the person detector and the landmark model.

Neither a current wheel of MediaPipe nor this repository contains it. Both models are in the wheel of release 0.10.21
(Apache-2.0), from which the bundle is assembled; the result is the same, byte for byte, on every machine.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import TYPE_CHECKING

from schemas.errors import Invalid

if TYPE_CHECKING:
    from pathlib import Path

WHEEL = "mediapipe==0.10.21"
WHEEL_SHA256 = "956eb1ebc275c629e61b085b2cab89c3a5b9e93bad1bb107348d98dafb5a4bb5"
#: Of the assembled bundle.
BUNDLE_SHA256 = "1a2eab9664afd5b1b8afe2f4647e2aee55ab013cec870539946ca95f3eacf445"

DETECTOR, LANDMARKS = "pose_detector.tflite", "pose_landmarks_detector.tflite"
_SOURCES = {
    DETECTOR: (
        "mediapipe/modules/pose_detection/pose_detection.tflite",
        "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    ),
    LANDMARKS: (
        "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    ),
}
#: MediaPipe maps the models into memory from the file, which needs aligned data.
_ENTRY_ALIGNMENT = 64
_LOCAL_HEADER_BYTES = 30
_EPOCH = (1980, 1, 1, 0, 0, 0)


def model_path(data_dir: Path) -> Path:
    """Return where `manage.py pose-model` puts the bundle."""
    return data_dir / "models" / "pose_landmarker_full.task"


def installed_pose_model(data_dir: Path, configured: Path | None) -> Path:
    """Return the bundle to load: the configured one (`POSE_MODEL_PATH`), else that in the data folder."""
    return configured or model_path(data_dir)


def sha256_of(path: Path) -> str:
    """Return the checksum of a file, in hexadecimal.

    Raises:
        OSError: It can't be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_sha256(data: bytes, expected: str, what: str) -> None:
    """Check the checksum of `data`, which the error calls `what`.

    Raises:
        Invalid: The checksum differs.
    """
    if hashlib.sha256(data).hexdigest() != expected.lower():
        raise Invalid(f"{what} has an unexpected checksum", code="pose_model_checksum")


def require_bundle(path: Path) -> None:
    """Check that `path` is a landmarker bundle of any origin.

    Raises:
        Invalid: It can't be read or lacks a model.
    """
    try:
        with zipfile.ZipFile(path) as bundle:
            names = set(bundle.namelist())
    except (OSError, zipfile.BadZipFile) as error:
        raise Invalid(f"{path} is not a pose landmarker bundle", code="pose_model_unusable") from error
    if not {DETECTOR, LANDMARKS} <= names:
        raise Invalid(f"{path} lacks {DETECTOR} or {LANDMARKS}", code="pose_model_unusable")


def assemble(wheel: Path) -> bytes:
    """Assemble the bundle from the pinned wheel.

    Raises:
        Invalid: The wheel, a model in it or the result has an unexpected checksum.
        OSError: The wheel can't be read.
    """
    if sha256_of(wheel) != WHEEL_SHA256:
        raise Invalid(f"The wheel of {WHEEL} has an unexpected checksum", code="pose_model_checksum")
    # Imported here because only assembling needs the flatbuffers schemas, which come with MediaPipe.
    from providers.pose.metadata import with_normalization  # noqa: PLC0415 - see above

    models = _models(wheel)
    models[LANDMARKS] = with_normalization(models[LANDMARKS], mean=0.0, std=255.0)
    bundle = _stored_zip(models)
    require_sha256(bundle, BUNDLE_SHA256, "The assembled pose model")
    return bundle


def _models(wheel: Path) -> dict[str, bytes]:
    found = {}
    with zipfile.ZipFile(wheel) as archive:
        for name, (path, checksum) in _SOURCES.items():
            found[name] = archive.read(path)
            require_sha256(found[name], checksum, path)
    return found


def _stored_zip(entries: dict[str, bytes]) -> bytes:
    """Return an uncompressed zip whose entries' data begin at multiples of 64 bytes, the same on every machine."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in entries.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = 0
            begins = buffer.tell() + _LOCAL_HEADER_BYTES + len(name)
            info.extra = _padding(-begins % _ENTRY_ALIGNMENT)
            archive.writestr(info, data)
    return buffer.getvalue()


def _padding(size: int) -> bytes:
    """Return a zip extra field of `size` bytes, or of 64 more where `size` is smaller than its 4-byte header."""
    if size == 0:
        return b""
    size += _ENTRY_ALIGNMENT if size < 4 else 0  # noqa: PLR2004 - the header of an extra field: id and length
    return b"\x35\xd9" + (size - 4).to_bytes(2, "little") + bytes(size - 4)
