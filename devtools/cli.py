"""The commands `demo`, `chaos` and `bench` of `manage.py`; container images do not contain them."""

# ruff: noqa: PLC0415  each command imports only what it needs, so that --help answers at once
from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands.cli.layout import command, group
from commands.cli.running import Json
from commands.cli.running import run as run_command

bench_app = group(
    "Measure this machine; without a name, everything.",
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
    only: Annotated[list[str] | None, typer.Option(metavar="PART", help="One part; may be repeated.")] = None,
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Small: only shows that everything runs.")] = False,
    as_json: Json = False,
) -> None:
    """Measure this machine; without a name, everything."""
    if context.invoked_subcommand is None:
        from devtools.bench.bench import bench as run

        run_command(
            lambda settings: run(settings, quick=quick, only=only or (), baseline_file=baseline),
            as_json=as_json,
        )


@command(bench_app, "bench images", name="images")
def bench_images(*, as_json: Json = False) -> None:
    """What making a small JPEG of a picture costs, beside libvips."""
    from devtools.bench.bench import images

    run_command(lambda _: images(), as_json=as_json)


@command(bench_app, "bench inflight", name="inflight")
def bench_inflight(
    tasks: Annotated[int, typer.Option(min=1, metavar="N", help="Generations at once, at least 1.")] = 1000,
    latency: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="What each of them takes, at least 0.1.")
    ] = 60.0,
    processes: Annotated[
        int, typer.Option(min=1, metavar="N", help="Worker processes that share them, at least 1.")
    ] = 1,
    *,
    as_json: Json = False,
) -> None:
    """Many generations that wait at once, in one worker process unless told otherwise."""
    from devtools.bench.bench import in_flight

    run_command(
        lambda settings: in_flight(settings, tasks=tasks, latency_s=latency, processes=processes), as_json=as_json
    )


@command(bench_app, "bench http", name="http")
def bench_http(*, as_json: Json = False) -> None:
    """Event streams and orders over HTTP."""
    from devtools.bench.http import bench_http as run

    run_command(run, as_json=as_json)


@command(bench_app, "bench sizing", name="sizing")
def bench_sizing(*, as_json: Json = False) -> None:
    """Sizes recommended over HTTP, beside the bare detection."""
    from devtools.bench.sizing import bench_sizing as run

    run_command(run, as_json=as_json)


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""

    @command(app, "demo", "demo --photo me.jpg --outfit shirt.png")
    def demo(
        photo: Annotated[Path | None, typer.Option(help="Your photo, for every person.")] = None,
        outfit: Annotated[Path | None, typer.Option(help="Your garment, for every outfit.")] = None,
        *,
        local_supabase: Annotated[
            bool, typer.Option("--local-supabase", help="Through a Supabase on this machine.")
        ] = False,
        as_json: Json = False,
    ) -> None:
        """Watch tasks of all three products become pictures; needs and costs nothing."""
        from devtools.demo.demo import demo as run

        run_command(
            lambda settings: run(settings, photo=photo, outfit=outfit, local_supabase=local_supabase), as_json=as_json
        )

    @command(app, "chaos --minutes 5", "chaos --minutes 1 --seed 42 --json")
    def chaos(
        minutes: Annotated[
            float, typer.Option(min=0.1, metavar="N", help="How long tasks and faults keep coming, at least 0.1.")
        ] = 5.0,
        seed: Annotated[int | None, typer.Option(metavar="N", help="Repeats a run; any otherwise.")] = None,
        *,
        as_json: Json = False,
    ) -> None:
        """Break everything while tasks flow, then show that none was lost."""
        import secrets

        from devtools.chaos.chaos import chaos as run

        chosen = secrets.randbelow(1_000_000) if seed is None else seed
        run_command(lambda settings: run(settings, minutes=minutes, seed=chosen), as_json=as_json)

    app.add_typer(bench_app, name="bench")
