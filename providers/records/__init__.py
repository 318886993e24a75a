"""Sessions, credits and jobs: `Records` says what can be done, an `Rpc` carries it to the database."""

from providers.records.base import Rpc
from providers.records.postgres import PostgresRpc
from providers.records.records import Records

__all__ = ["PostgresRpc", "Records", "Rpc"]
