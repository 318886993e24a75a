"""The sizing mathematics: pure functions of landmarks and facts. Lengths in cm, weights in kg, ages in years."""

from pipelines.sizing.errors import Gate, SizingRefused, UnknownChart
from pipelines.sizing.recommend import check_asked, recommend

__all__ = ["Gate", "SizingRefused", "UnknownChart", "check_asked", "recommend"]
