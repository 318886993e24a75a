"""The sizing mathematics: pure functions of landmarks and facts. Lengths in cm, weights in kg, ages in years."""

from pipelines.sizing.errors import Gate, SizingRefused, UnknownChart
from pipelines.sizing.recommend import recommend

__all__ = ["Gate", "SizingRefused", "UnknownChart", "recommend"]
