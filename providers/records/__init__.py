"""Orders, credits and jobs: `Records` has the operations, an `Rpc` calls them in the database."""

from providers.records.base import Rpc
from providers.records.jobs import Records
from providers.records.postgres import PostgresRpc

__all__ = ["PostgresRpc", "Records", "Rpc"]
