"""The commands `demo`, `chaos`, `fuzz` and `bench` of `manage.py`; container images do not contain them."""

# ruff: noqa: PLC0415  each command imports only its own dependencies, so that --help is fast
from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands.cli.layout import command, group
from commands.cli.running import Json
from commands.cli.running import run as run_command

bench_app = group(
    "Benchmark this machine; without a subcommand, all parts.",
    "bench --quick",
    "bench --only idle --only ingest",
    "bench inflight --tasks 1000",
    invoke_without_command=True,
    no_args_is_help=False,
)


@bench_app.callback()
def bench(
    context: typer.Context,
    baseline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON of an earlier run to compare with.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="PART", help="Measure one part only; may be repeated.")
    ] = None,
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="Small sizes: shows that every part runs, figures mean little.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Benchmark this machine; without a subcommand, all parts."""
    if context.invoked_subcommand is None:
        from devtools.bench.bench import bench as run

        run_command(
            lambda settings: run(settings, quick=quick, only=only or (), baseline_file=baseline),
            as_json=as_json,
        )


@command(bench_app, "bench images", name="images")
def bench_images(*, as_json: Json = False) -> None:
    """Measure the cost of resizing pictures, compared to libvips."""
    from devtools.bench.bench import images

    run_command(lambda _: images(), as_json=as_json)


@command(bench_app, "bench inflight", name="inflight")
def bench_inflight(
    tasks: Annotated[int, typer.Option(min=1, metavar="N", help="Concurrent generations, at least 1.")] = 1000,
    latency: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="Latency of the provider, at least 0.1.")
    ] = 60.0,
    processes: Annotated[int, typer.Option(min=1, metavar="N", help="Number of worker processes, at least 1.")] = 1,
    *,
    as_json: Json = False,
) -> None:
    """Measure many concurrent generations, in one worker process by default."""
    from devtools.bench.bench import in_flight

    run_command(
        lambda settings: in_flight(settings, tasks=tasks, latency_s=latency, processes=processes), as_json=as_json
    )


@command(bench_app, "bench ledger --history 1000000", name="ledger")
def bench_ledger(
    history: Annotated[
        int, typer.Option(min=0, metavar="N", help="Ended jobs in the database; a million takes minutes and 3 GB.")
    ] = 1_000_000,
    tasks: Annotated[int, typer.Option(min=100, metavar="N", help="Tasks on each database, at least 100.")] = 5000,
    connections: Annotated[int, typer.Option(min=1, metavar="N", help="Concurrent workers, at least 1.")] = 8,
    *,
    as_json: Json = False,
) -> None:
    """Measure the database alone: tasks without pictures, on an empty database and beside a history of ended jobs."""
    from devtools.bench.ledger import bench_ledger as run

    run_command(lambda settings: run(settings, history=history, tasks=tasks, connections=connections), as_json=as_json)


@command(bench_app, "bench http", name="http")
def bench_http(*, as_json: Json = False) -> None:
    """Measure event streams and orders over HTTP."""
    from devtools.bench.http import bench_http as run

    run_command(run, as_json=as_json)


@command(bench_app, "bench sizing", name="sizing")
def bench_sizing(*, as_json: Json = False) -> None:
    """Measure size recommendations over HTTP, compared to bare detection."""
    from devtools.bench.sizing import bench_sizing as run

    run_command(run, as_json=as_json)


@command(bench_app, "bench sizing-accuracy people.csv", name="sizing-accuracy")
def bench_sizing_accuracy(
    people: Annotated[
        Path, typer.Argument(metavar="CSV", help="height_cm, weight_kg, sex, chest_cm, waist_cm, hip_cm per person.")
    ],
    *,
    as_json: Json = False,
) -> None:
    """Compare recommended sizes with measured people."""
    from devtools.bench.sizing_accuracy import bench_sizing_accuracy as run

    run_command(lambda settings: run(settings, people), as_json=as_json)


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""

    @command(app, "demo", "demo --photo me.jpg --outfit shirt.png")
    def demo(
        photo: Annotated[
            Path | None, typer.Option(metavar="FILE", help="Your photo, instead of the drawn persons.")
        ] = None,
        outfit: Annotated[
            Path | None, typer.Option(metavar="FILE", help="Your garment, instead of the drawn outfits.")
        ] = None,
        *,
        local_supabase: Annotated[
            bool, typer.Option("--local-supabase", help="Use a Supabase emulator for records and storage.")
        ] = False,
        provider: Annotated[
            str | None, typer.Option(metavar="NAME", help="Use this image provider, against an emulation of its API.")
        ] = None,
        as_json: Json = False,
    ) -> None:
        """Run tasks of all three products with the mock or an emulated provider, free of charge."""
        from devtools.demo.demo import demo as run

        run_command(
            lambda settings: run(
                settings, photo=photo, outfit=outfit, local_supabase=local_supabase, provider=provider
            ),
            as_json=as_json,
        )

    @command(app, "chaos --minutes 5", "chaos --minutes 1 --seed 42 --json")
    def chaos(
        minutes: Annotated[
            float, typer.Option(min=0.1, metavar="N", help="Minutes of tasks and faults, at least 0.1.")
        ] = 5.0,
        seed: Annotated[
            int | None, typer.Option(metavar="N", help="Seed of the random choices, to repeat a run.")
        ] = None,
        *,
        as_json: Json = False,
    ) -> None:
        """Inject faults while tasks run, then audit every task and credit."""
        import secrets

        from devtools.chaos.chaos import chaos as run

        chosen = secrets.randbelow(1_000_000) if seed is None else seed
        run_command(lambda settings: run(settings, minutes=minutes, seed=chosen), as_json=as_json)

    @command(app, "fuzz --minutes 2", "fuzz --minutes 120 --seed 42 --json")
    def fuzz(
        minutes: Annotated[
            float, typer.Option(min=0.05, metavar="N", help="Minutes of damaged pictures, at least 0.05.")
        ] = 2.0,
        seed: Annotated[int, typer.Option(metavar="N", help="Seed of the pictures, to repeat a run.")] = 0,
        *,
        as_json: Json = False,
    ) -> None:
        """Send damaged pictures through the decoders and report what ended one."""
        from devtools.fuzz.fuzz import fuzz as run

        run_command(lambda settings: run(settings, minutes=minutes, seed=seed), as_json=as_json)

    app.add_typer(bench_app, name="bench")
