"""`manage.py sweep`: recover stuck jobs, end and refund the rest."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.table import Table

from actors.retention import make_retention
from commands.connections import queue, records, redis_client
from commands.outcome import CommandOutcome
from pipelines.control.database_contact import DatabaseContact
from pipelines.control.recovery import JobRecovery, SweepReport
from pipelines.control.sweep import Sweep
from providers.scratch.make import make_scratch

if TYPE_CHECKING:
    from settings import Settings


async def sweep(settings: Settings, *, older_than_s: float | None) -> CommandOutcome:
    """Sweep once; sessions without a job are stuck after `older_than_s` seconds (default: `STUCK_AFTER_S`).

    Watch the database for one lease first: after an outage, leases of workers are expired until they renew them.
    """
    with queue(settings) as broker:
        async with records(settings) as found, redis_client(settings) as client:
            recovery = JobRecovery(
                found, broker, DatabaseContact(settings.lease_s), lease_s=settings.lease_s,
                max_recoveries=settings.max_recoveries,
            )  # fmt: skip
            await recovery.wait_for_contact()
            tally = await Sweep(
                recovery=recovery,
                records=found,
                client=client,
                scratch=make_scratch(settings.scratch, settings.data_dir, client),
                stuck_after_s=settings.stuck_after_s if older_than_s is None else older_than_s,
                retention=make_retention(settings, found),
            ).run_once()
    return CommandOutcome(asdict(tally), _table(tally))


async def dry_run(settings: Settings, *, older_than_s: float | None) -> CommandOutcome:
    """Show what a sweep would do; change nothing."""
    async with records(settings) as found:
        lost = await found.workers.lost_jobs(lease_s=settings.lease_s)
        orphans = await found.orphans(older_than_s=settings.stuck_after_s if older_than_s is None else older_than_s)
    table = Table("session", "product", "action", title="dry run", title_justify="left")
    for row in lost:
        last = row.recoveries >= settings.max_recoveries
        table.add_row(row.session_id, row.product.value, "end and refund" if last else "recover")
    for orphan in orphans:
        table.add_row(orphan.session_id, orphan.product.value, "end and refund: it has no job")
    data = asdict(SweepReport(checked=len(lost) + len(orphans))) | {"dry_run": True}
    return CommandOutcome(data, table if lost or orphans else "Nothing is stuck.")


def _table(tally: SweepReport) -> Table:
    table = Table(*asdict(tally), title="sweep", title_justify="left")
    table.add_row(*(str(count) for count in asdict(tally).values()))
    return table
