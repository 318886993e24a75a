"""Fetcher of pictures from untrusted URLs."""

from providers.fetch.fetcher import Fetcher, fetch_memory
from providers.fetch.policy import FetchPolicy

__all__ = ["FetchPolicy", "Fetcher", "fetch_memory"]
