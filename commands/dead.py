"""`manage.py dead`: list, show, replay and drop dead letters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commands.connections import records, redis_client
from commands.dead_letters import described
from commands.outcome import CommandError, CommandOutcome, json_text
from pipelines.control.payloads import payload_of
from schemas.records import DeadLetter, Reopening, Replay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from providers.records import Records
    from settings import Settings

REFUSALS = {
    Replay.NOT_ENDED: "The job of task {} has not failed: only what failed or was cancelled can run again.",
    Replay.NO_CREDITS: "The owner of task {} has not enough credits for another run.",
}

#: PostgreSQL's largest bigint, the type of a dead letter's number.
MAX_LETTER_ID = 2**63 - 1

REFUNDS = "darkroom:refunds"
REOPENING_REFUSALS = {
    Reopening.ENDED: "The session of dead letter {} has completed, or its task can be replayed by its id.",
    Reopening.REFUND_OWED: "A refund of the session of dead letter {} is still owed: first replay the dead letter "
    "of that refund (list darkroom:refunds).",
    Reopening.NO_CREDITS: "The session of dead letter {} was refunded; its payer has too few credits to run it again.",
}


async def dead_list(settings: Settings, *, limit: int) -> CommandOutcome:
    """List the newest dead letters."""
    async with records(settings) as found:
        letters = await found.dead_letters(limit=limit)
    shown = [described(item) for item in letters]
    return CommandOutcome({"letters": shown}, "\n".join(_lines(shown)) if shown else "There are no dead letters.")


async def dead_show(settings: Settings, letter_id: int) -> CommandOutcome:
    """Show one dead letter with its original payload."""
    async with records(settings) as found:
        letter = await _letter(found, letter_id)
    data = described(letter) | letter.model_dump(mode="json", include={"payload", "encoding", "complete"})
    return CommandOutcome(data, json_text(data))


async def dead_replay(settings: Settings, what: str) -> CommandOutcome:
    """Run a failed task (by its id) again; if no task has that id, push a dead letter (by its number) again.

    A refunded charge is made again. For a dead letter of a refused refund, retry the refund instead.

    Raises:
        CommandError: Neither exists, or it can't run again.
    """
    async with records(settings) as found:
        if await found.job(what) is None:  # the id of a task may be a number too
            if what.isdecimal():
                return await _replay_letter(settings, found, int(what))
            raise CommandError(f"There is no task {what}.")
        verdict = await found.replay(what)
    if verdict in REFUSALS:
        raise CommandError(REFUSALS[verdict].format(what))
    return CommandOutcome({"replayed": what}, f"Task {what} runs again.")


async def dead_drop(settings: Settings, letter_id: int, *, force: bool = False) -> CommandOutcome:
    """Delete a dead letter; one of a refused refund only with `force`.

    Raises:
        CommandError: There is no such dead letter, or it is a refund that is still owed.
    """
    async with records(settings) as found:
        letter = await _letter(found, letter_id)
        if letter.list == REFUNDS and not force:
            raise CommandError(
                f"Dead letter {letter_id} is a refund that is still owed: retry it with dead replay {letter_id}, "
                "or drop it with --force; it is then never paid."
            )
        if not await found.drop_dead_letter(letter_id):
            raise CommandError(f"There is no dead letter {letter_id}.")
    return CommandOutcome({"dropped": letter_id}, f"Dead letter {letter_id} was dropped.")


async def _replay_letter(settings: Settings, found: Records, letter_id: int) -> CommandOutcome:
    async with redis_client(settings) as client:
        item = await _letter(found, letter_id)
        if item.list == REFUNDS:
            return await _retry_refund(found, letter_id)
        if not item.complete:
            raise CommandError(f"Dead letter {letter_id} was too large to keep whole and can't be pushed again.")
        payload = payload_of(item)
        reopening = await found.reopen_letter(letter_id)
        if reopening in REOPENING_REFUSALS:
            raise CommandError(REOPENING_REFUSALS[reopening].format(letter_id))
        # Push before dropping: a crash in between leaves a duplicate, which ingest recognises.
        await client.lpush(item.list, payload)
        await found.drop_dead_letter(letter_id)
    return CommandOutcome(
        {"replayed": letter_id, "list": item.list}, f"Dead letter {letter_id} was pushed to {item.list}."
    )


async def _retry_refund(found: Records, letter_id: int) -> CommandOutcome:
    refunded = await found.retry_refund(letter_id)
    if not refunded:
        raise CommandError(f"The refund of dead letter {letter_id} was refused again, or the database has it already.")
    return CommandOutcome({"replayed": letter_id, "refunded": refunded}, f"Refunded {refunded} credits.")


async def _letter(found: Any, letter_id: int) -> DeadLetter:
    letters: list[DeadLetter] = []
    if letter_id <= MAX_LETTER_ID:
        letters += await found.dead_letters(letter_id=letter_id)
    if not letters:
        raise CommandError(f"There is no dead letter {letter_id}.")
    return letters[0]


def _lines(letters: list[dict[str, Any]]) -> Iterator[str]:
    """Yield a line of at most 80 columns for each letter, then lines with its ids and reason."""
    for data in letters:
        product = data.get("product") or data["list"]
        yield f"{data['id']:<5} {data['code']:18} {product:8} {data['created_at'][:16].replace('T', ' ')}"
        for name in ("task_id", "session_id"):
            if name in data:
                yield f"      {name} {data[name]}"
        yield f"      {data['reason']}"
