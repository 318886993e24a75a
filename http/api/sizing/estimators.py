"""The size recommendation as part of the HTTP service: its resources, models, fetcher and charts."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

from api.sizing.estimate_body import EstimateBody, EstimateBuilds, Feedback
from api.sizing.size_feedback import EstimateIds, SizeFeedback
from api.sizing.size_shifts import SizeShifts
from pipelines.decoders.decoders import Decoders
from pipelines.sizing.populations import Population
from pipelines.sizing.shop_charts import read_charts
from providers.fetch import Fetcher, FetchPolicy
from providers.pose.bundle import installed_pose_model
from providers.pose.load import load_estimator
from providers.pose.pool import PosePool
from providers.records.size_feedback import SizeFeedbackRecords


@dataclass(frozen=True, slots=True)
class Sizing:
    """The resources below `/estimate-body` and their services.

    Attributes:
        pose: None if no pose model is installed; MediaPipe is not imported then.
    """

    resource: EstimateBody
    builds: EstimateBuilds
    feedback: SizeFeedback
    shifts: SizeShifts
    fetcher: Fetcher
    pose: PosePool | None
    decoders: Decoders

    @property
    def loaded(self) -> bool:
        """Return whether the pose model is loaded, so that sizes can be recommended."""
        return self.pose is not None and self.pose.loaded

    async def start(self) -> None:
        """Load the pose model."""
        if self.pose is not None:
            await self.pose.start()

    async def aclose(self) -> None:
        """Stop the pose pool and close the fetcher's connections."""
        if self.pose is not None:
            await self.pose.aclose()
        await self.shifts.aclose()
        await self.fetcher.aclose()
        self.decoders.close()


def make_sizing(  # noqa: PLR0913  the parts of the service
    data_dir: Path,
    policy: FetchPolicy,
    records: SizeFeedbackRecords,
    key: bytes,
    *,
    pose_model_path: Path | None,
    population: Population,
    decoders: Decoders,
) -> Sizing:
    """Return the size recommendation with the model and charts in `data_dir`; nothing is loaded before `start`.

    Args:
        data_dir: `DATA_DIR`, which may hold a pose model and a folder `charts`.
        policy: Allowed hosts of photos, and their maximum size.
        records: The stored size feedback.
        key: Signing key of the ids of estimates.
        pose_model_path: Pose model to use instead of the one in `data_dir`.
        population: Distribution of body weights where the weight is unknown.
        decoders: Decode the photos.

    Raises:
        Invalid: The shop's charts can't be used.
    """
    model = installed_pose_model(data_dir, pose_model_path)
    pose = None
    if model.is_file():
        pose = PosePool(functools.partial(load_estimator, model), decoders.pixels, max_pixels=policy.max_pixels)
    fetcher = Fetcher(policy)
    charts = read_charts(data_dir / "charts")
    ids, shifts = EstimateIds(key), SizeShifts(records)
    resource = EstimateBody(
        pose, fetcher, charts, population, feedback=Feedback(shifts, ids), max_picture_bytes=policy.max_bytes
    )
    return Sizing(resource, EstimateBuilds(population), SizeFeedback(records, ids), shifts, fetcher, pose, decoders)
