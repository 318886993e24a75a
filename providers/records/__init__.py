"""Orders, credits and jobs: `Records` says what can be done, an `Rpc` carries it to the database."""

from providers.records.base import Rpc
from providers.records.jobs import Records
from providers.records.postgres import PostgresRpc

__all__ = ["PostgresRpc", "Records", "Rpc"]
