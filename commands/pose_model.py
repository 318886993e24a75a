"""`manage.py pose-model`: puts the pose model into `DATA_DIR`.

It comes from `POSE_MODEL_PATH` or `POSE_MODEL_URL`, or is assembled. No other code downloads it: the HTTP service and
the other commands load the file (`providers.pose.bundle.installed_pose_model`) or say that it is missing.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from providers.data_dir import prepare_data_dir
from providers.pose.bundle import BUNDLE_SHA256, assemble, model_path, require_bundle, require_sha256, sha256_of
from providers.pose.wheel import download_wheel
from schemas.errors import Invalid, Unavailable

if TYPE_CHECKING:
    from settings import Settings

#: The bundle is 9 MB.
MAX_BYTES = 100_000_000
TIMEOUT = httpx.Timeout(60.0, connect=10.0)


def pose_model(settings: Settings) -> Path:
    """Put the bundle at `DATA_DIR/models/pose_landmarker_full.task` unless it is there already; return the path.

    Raises:
        Invalid: The configured bundle can't be used or has an unexpected checksum.
        Unavailable: It can't be downloaded.
    """
    target = model_path(settings.data_dir)
    expected = _expected_sha256(settings)
    if target.is_file() and sha256_of(target) == expected:
        return target
    prepare_data_dir(settings.data_dir)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        bundle = _bundle(settings, Path(folder))
        require_sha256(bundle, expected, "The pose model")
        fresh = Path(folder, target.name)
        fresh.write_bytes(bundle)
        require_bundle(fresh)
        fresh.replace(target)
    return target


def _expected_sha256(settings: Settings) -> str:
    if settings.pose_model_sha256:
        return settings.pose_model_sha256.lower()
    if settings.pose_model_path:
        return hashlib.sha256(_read(settings.pose_model_path)).hexdigest()
    if settings.pose_model_url:
        raise Invalid("POSE_MODEL_URL needs POSE_MODEL_SHA256, the checksum of that file", code="settings")
    return BUNDLE_SHA256


def _bundle(settings: Settings, folder: Path) -> bytes:
    if settings.pose_model_path:
        return _read(settings.pose_model_path)
    if settings.pose_model_url:
        return _download(settings.pose_model_url)
    return assemble(download_wheel(folder))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Invalid(f"POSE_MODEL_PATH can't be read: {error.strerror}", code="pose_model_unusable") from error


def _download(url: str) -> bytes:
    data = bytearray()
    try:
        with httpx.stream("GET", url, timeout=TIMEOUT, follow_redirects=True) as response:
            response.raise_for_status()
            for chunk in response.iter_bytes():
                data += chunk
                if len(data) > MAX_BYTES:
                    raise Invalid("The file at POSE_MODEL_URL is too large", code="pose_model_unusable")
    # The error's own text contains the address.
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unavailable(f"POSE_MODEL_URL: {type(error).__name__}", code="pose_model_download") from None
    return bytes(data)
