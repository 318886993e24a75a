"""The two wire formats."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """Provider whose wire format a call uses."""

    OPENAI = "openai"
    REPLICATE = "replicate"
    FAL = "fal"
    FASHN = "fashn"
    GEMINI = "gemini"
    COMFYUI = "comfyui"
