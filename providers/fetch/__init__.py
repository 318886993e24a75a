"""The guarded fetcher: pictures from addresses that strangers wrote."""

from providers.fetch.fetcher import Fetcher
from providers.fetch.policy import FetchPolicy

__all__ = ["FetchPolicy", "Fetcher"]
