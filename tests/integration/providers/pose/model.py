"""The pose model for tests: put into the data folder once, as `manage.py pose-model` does."""

from __future__ import annotations

import functools
from pathlib import Path

from commands.pose_model import pose_model
from settings import Settings

ROOT = Path(__file__).parents[4]


@functools.cache
def installed_model() -> Path:
    """The bundle in the repository's data folder."""
    return pose_model(Settings(data_dir=ROOT / "var", pose_model_path=None, pose_model_url=None))
