"""The size recommendation's place in the process: its models, its fetcher and its charts."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from api.sizing.estimate_body import EstimateBody
from pipelines.sizing.shop_charts import read_charts
from providers.fetch import Fetcher, FetchPolicy
from providers.pose.bundle import model_path
from providers.pose.load import load_estimator
from providers.pose.pool import PosePool
from settings import Settings


@dataclass(frozen=True, slots=True)
class Sizing:
    """What `/estimate-body` needs.

    Attributes:
        pose: None where there is no pose model; MediaPipe is not even imported then.
    """

    resource: EstimateBody
    fetcher: Fetcher
    pose: PosePool | None

    @property
    def loaded(self) -> bool:
        """Whether sizes can be recommended."""
        return self.pose is not None and self.pose.loaded

    async def start(self) -> None:
        """Load the model."""
        if self.pose is not None:
            await self.pose.start()

    async def aclose(self) -> None:
        """Give everything back."""
        if self.pose is not None:
            await self.pose.aclose()
        await self.fetcher.aclose()


def make_sizing(settings: Settings) -> Sizing:
    """The size recommendation that the settings describe; nothing is loaded before `start`.

    Raises:
        Invalid: The shop's charts can't be used.
    """
    model = model_path(settings.data_dir)
    pose = None
    if model.is_file():
        pose = PosePool(functools.partial(load_estimator, model), max_pixels=settings.fetch_max_pixels)
    policy = FetchPolicy(
        allowed_networks=settings.fetch_allowed_networks,
        allowed_hosts=settings.fetch_allowed_hosts,
        max_bytes=settings.fetch_max_bytes,
        max_pixels=settings.fetch_max_pixels,
        timeout_s=settings.fetch_timeout_s,
    )
    fetcher = Fetcher(policy)
    charts = read_charts(settings.data_dir / "charts")
    resource = EstimateBody(pose, fetcher, charts, max_picture_bytes=settings.fetch_max_bytes)
    return Sizing(resource, fetcher, pose)
