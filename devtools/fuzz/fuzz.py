"""`manage.py fuzz`: sends damaged pictures through the decoders, as strangers' pictures go, and reports what ended one.

A picture is made of the seed and its number alone, so that any of them can be made again.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from rich.table import Table

from commands.outcome import CommandOutcome
from devtools.fuzz.corpus import pictures
from devtools.fuzz.mutate import mutate
from pipelines.decoders.decoders import KILLED, Decoders
from schemas.errors import DarkroomError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from settings import Settings

MAX_PX = 256
#: Pictures at a time, for each decoder.
_AHEAD = 2
#: Pictures between two readings of the decoders' memory: they are replaced after 500.
_READ_MEMORY = 50


@dataclass
class Findings:
    """What became of the pictures.

    Attributes:
        outcomes: Number of pictures by outcome: accepted, or an error code.
        kept: Pictures that ended a decoder or raised something unexpected: name and bytes.
        slowest_ms: Longest time of a picture, milliseconds, with its waiting for a decoder.
        peak_mb: Largest memory of a decoder, with its libraries.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    kept: dict[str, bytes] = field(default_factory=dict)
    slowest_ms: float = 0.0
    peak_mb: float = 0.0


def fuzz(settings: Settings, *, minutes: float, seed: int, most: int | None = None) -> CommandOutcome:
    """Decode damaged pictures for `minutes`, or `most` of them; keep those that ended a decoder in DATA_DIR/fuzz."""
    started = time.monotonic()
    findings = asyncio.run(_run(settings, started + 60 * minutes, seed, most))
    folder = settings.data_dir / "fuzz"
    for name, picture in findings.kept.items():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(picture)
    data = {
        "seed": seed,
        "pictures": findings.outcomes.total(),
        "seconds": round(time.monotonic() - started, 1),
        "outcomes": dict(findings.outcomes.most_common()),
        "killed": findings.outcomes[KILLED],
        "slowest_ms": round(findings.slowest_ms, 1),
        "peak_mb": round(findings.peak_mb, 1),
        "kept": [str(folder / name) for name in findings.kept],
    }
    return CommandOutcome(data, _view(data), ok=not findings.kept)


async def _run(settings: Settings, until: float, seed: int, most: int | None) -> Findings:
    findings, numbers = Findings(), itertools.count() if most is None else iter(range(most))
    decoders = Decoders(settings.decoder_processes)
    originals = pictures()
    workers = _AHEAD * (settings.decoder_processes or psutil.cpu_count() or 1)
    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(workers):
                tasks.create_task(_work(decoders, originals, numbers, until, seed, findings))
    finally:
        findings.peak_mb = max(findings.peak_mb, _peak_mb())
        decoders.close()
    return findings


async def _work(  # noqa: PLR0913, PLR0917  shared by all workers
    decoders: Decoders, originals: dict[str, bytes], numbers: Iterator[int], until: float, seed: int, findings: Findings
) -> None:
    for number in numbers:
        if time.monotonic() > until:
            return
        chance = random.Random(f"{seed}-{number}")  # noqa: S311  repeatable on purpose
        kind = chance.choice(sorted(originals))
        data = mutate(originals[kind], chance)
        began = time.perf_counter()
        outcome = await _decode(decoders, data, chance)
        findings.slowest_ms = max(findings.slowest_ms, (time.perf_counter() - began) * 1000)
        findings.outcomes[outcome] += 1
        if outcome == KILLED or outcome.startswith("unexpected"):
            findings.kept[f"{seed}-{number}-{kind}"] = data
        if number % _READ_MEMORY == 0:
            findings.peak_mb = max(findings.peak_mb, _peak_mb())


async def _decode(decoders: Decoders, data: bytes, chance: random.Random) -> str:
    """Send a picture through one of the three operations and return its outcome."""
    pixels = 1_000_000
    try:
        match chance.randrange(3):
            case 0:
                await decoders.normalize(data, max_px=MAX_PX, max_pixels=pixels, subject="The picture")
            case 1:
                await decoders.finish(data, credit="", product="", max_pixels=pixels, watermark_text="fuzz")
            case _:
                await decoders.pixels(data, max_pixels=pixels)
    except DarkroomError as error:
        return error.error_code
    except Exception as error:  # noqa: BLE001  any other error is a finding
        return f"unexpected {type(error).__name__}"
    return "accepted"


def _peak_mb() -> float:
    """Return the largest memory that a decoder of this process ever held, in MB; 0 where the system does not tell."""
    peaks = [0.0]
    for process in psutil.Process().children(recursive=True):
        try:
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        except OSError:  # it has ended, or this is not Linux
            continue
        peaks += [int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")]
    return max(peaks)


def _view(data: dict[str, Any]) -> Table:
    title = f"{data['pictures']} pictures in {data['seconds']} s, seed {data['seed']}"
    caption = f"slowest {data['slowest_ms']} ms, largest decoder {data['peak_mb']} MB; kept: {len(data['kept'])}"
    table = Table("outcome", "pictures", title=title, caption=caption)
    for outcome, number in data["outcomes"].items():
        table.add_row(outcome, str(number))
    return table
