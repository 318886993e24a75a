"""Darkroom's command line. `python manage.py --help` lists the commands."""

# ruff: noqa: PLC0415  each command imports only what it needs, so that --help answers at once
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from commands.outcome import Outcome
    from settings import Settings

app = typer.Typer(
    help="Darkroom turns tasks into pictures: every task ends completed, or failed and refunded exactly once.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
dead = typer.Typer(help="Look at payloads that could not be used.", no_args_is_help=True)
app.add_typer(dead, name="dead")
webhook = typer.Typer(help="Tell an owner's results to an address of theirs, signed.", no_args_is_help=True)
app.add_typer(webhook, name="webhook")
benches = typer.Typer(help="Measure this machine; without a name, everything.", invoke_without_command=True)
app.add_typer(benches, name="bench")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]
Owner = Annotated[str, typer.Argument(help="The shop, shopper or workspace.")]
Limit = Annotated[int, typer.Option(min=1, max=500, help="At most so many.")]


@app.command()
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
    from commands.demo.demo import demo as run

    _run(lambda settings: run(settings, photo=photo, outfit=outfit, local_supabase=local_supabase), as_json=as_json)


@app.command()
def up(*, as_json: Json = False) -> None:
    """Run everything on this machine until Ctrl-C."""
    from commands.up import up as run

    _run(run, as_json=as_json)


@app.command()
def chaos(
    minutes: Annotated[float, typer.Option(min=0.1, help="How long tasks and faults keep coming.")] = 5.0,
    seed: Annotated[int | None, typer.Option(help="Repeats a run; any otherwise.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Break everything while tasks flow, then show that none was lost."""
    import secrets

    from commands.chaos.chaos import chaos as run

    chosen = secrets.randbelow(1_000_000) if seed is None else seed
    _run(lambda settings: run(settings, minutes=minutes, seed=chosen), as_json=as_json)


@app.command()
def enqueue(  # noqa: PLR0913  the parts of a task
    pictures: Annotated[list[str], typer.Argument(help="Person, outfit, accessories: files or http addresses.")],
    *,
    prompt: Annotated[str, typer.Option(help="What is asked for; empty for the default.")] = "",
    user: Annotated[str | None, typer.Option(help="The shopper that owns it.")] = None,
    store: Annotated[str | None, typer.Option(help="The shop that owns it.")] = None,
    session: Annotated[str | None, typer.Option(help="An existing session; a free one is written otherwise.")] = None,
    wait: Annotated[float, typer.Option(min=1, help="How long to follow it, seconds.")] = 360.0,
    as_json: Json = False,
) -> None:
    """Push one try-on task and follow it to its end."""
    from commands.enqueue import enqueue as run

    _run(
        lambda settings: run(
            settings,
            pictures,
            prompt=prompt,
            user_id=user,
            store_id=store,
            session_id=session,
            deadline_s=wait,
        ),
        as_json=as_json,
    )


@app.command()
def status(
    task: Annotated[str | None, typer.Argument(help="One task, in full.")] = None,
    state: Annotated[str | None, typer.Option(help="waiting, running, completed, failed or cancelled.")] = None,
    limit: Limit = 20,
    *,
    as_json: Json = False,
) -> None:
    """Show the newest jobs and their number, or one task."""
    from commands.status import chosen_state, status_of
    from commands.status import status as run

    if task:
        _await(lambda settings: status_of(settings, task), as_json=as_json)
    else:
        _await(lambda settings: run(settings, state=chosen_state(state), limit=limit), as_json=as_json)


@app.command()
def sweep(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,  # noqa: FBT002  how Typer makes a flag
    older_than: Annotated[
        float | None, typer.Option(min=0, help="Stuck after so many seconds (STUCK_AFTER_S).")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Watch the database for LEASE_S, then drive again what is stuck, or end and refund it."""
    from commands import sweep as module

    run = module.dry_run if dry_run else module.sweep
    _await(lambda settings: run(settings, older_than_s=older_than), as_json=as_json)


@app.command()
def cancel(
    session: Annotated[str, typer.Argument(help="The session to end.")],
    *,
    product: Annotated[str | None, typer.Option(help="Whose session, where several have one of this id.")] = None,
    as_json: Json = False,
) -> None:
    """End a session that is queued or running, and refund it."""
    from commands.cancel import cancel as run

    _await(lambda settings: run(settings, session, product), as_json=as_json)


@dead.command("list")
def dead_list(limit: Limit = 50, *, as_json: Json = False) -> None:
    """Show the newest dead letters."""
    from commands.dead import dead_list as run

    _await(lambda settings: run(settings, limit=limit), as_json=as_json)


@dead.command("show")
def dead_show(letter: Annotated[int, typer.Argument(help="Its number.")], *, as_json: Json = False) -> None:
    """Show one dead letter with its payload, as it came."""
    from commands.dead import dead_show as run

    _await(lambda settings: run(settings, letter), as_json=as_json)


@dead.command("replay")
def dead_replay(
    what: Annotated[str, typer.Argument(help="A dead letter's number, or the id of a failed task.")],
    *,
    as_json: Json = False,
) -> None:
    """Push a dead letter again, or run a failed task again (which is charged again)."""
    from commands.dead import dead_replay as run

    _await(lambda settings: run(settings, what), as_json=as_json)


@dead.command("drop")
def dead_drop(letter: Annotated[int, typer.Argument(help="Its number.")], *, as_json: Json = False) -> None:
    """Forget a dead letter."""
    from commands.dead import dead_drop as run

    _await(lambda settings: run(settings, letter), as_json=as_json)


@webhook.command("set")
def webhook_set(
    owner: Owner, url: Annotated[str, typer.Argument(help="An https address.")], *, as_json: Json = False
) -> None:
    """Tell an owner's results to an address; shows the secret."""
    from commands.webhooks import webhook_set as run

    _await(lambda settings: run(settings, owner, url), as_json=as_json)


@webhook.command("rotate")
def webhook_rotate(owner: Owner, *, as_json: Json = False) -> None:
    """Give an owner a new secret; the old one signs too for a day."""
    from commands.webhooks import webhook_rotate as run

    _await(lambda settings: run(settings, owner), as_json=as_json)


@webhook.command("show")
def webhook_show(owner: Owner, *, as_json: Json = False) -> None:
    """Show an owner's webhook, without its secret."""
    from commands.webhooks import webhook_show as run

    _await(lambda settings: run(settings, owner), as_json=as_json)


@webhook.command("drop")
def webhook_drop(owner: Owner, *, as_json: Json = False) -> None:
    """Tell an owner's results to nobody any more."""
    from commands.webhooks import webhook_drop as run

    _await(lambda settings: run(settings, owner), as_json=as_json)


@app.command()
def migrate(
    *,
    print_only: Annotated[bool, typer.Option("--print", help="Print the SQL instead.")] = False,
    buckets: Annotated[bool, typer.Option("--buckets", help="Make Supabase's private buckets instead.")] = False,
    as_json: Json = False,
) -> None:
    """Bring the database up to date; only adds."""
    from commands import migrate as run

    if print_only:
        _run(lambda _settings: run.print_script(), as_json=as_json)
    else:
        _run(run.buckets if buckets else run.migrate, as_json=as_json)


@app.command()
def check(
    *,
    every_setting: Annotated[bool, typer.Option("--all", help="Show the settings with default values too.")] = False,
    as_json: Json = False,
) -> None:
    """Try every setting and connection; name all faults."""
    from commands.check import check as run

    _run(lambda settings: run(settings, every_setting=every_setting), as_json=as_json)


@app.command()
def schema(*, as_json: Json = False) -> None:
    """Print the JSON Schemas of every payload."""
    from commands.schema import schema as run

    _run(lambda _settings: run(), as_json=as_json)


@app.command("estimate-body")
def estimate_body(  # noqa: PLR0913  what the person says
    photo: Annotated[Path, typer.Argument(help="Shows the whole person from the front.")],
    *,
    height: Annotated[float, typer.Option(help="Stature, 140 to 210 cm.")],
    weight: Annotated[float | None, typer.Option(help="35 to 180 kg; narrows the answer most.")] = None,
    build: Annotated[int | None, typer.Option(help="1 (slimmest fifth) to 5, in place of a weight.")] = None,
    sex: Annotated[str | None, typer.Option(help="female or male.")] = None,
    age: Annotated[int | None, typer.Option(help="Years; matters to the waist alone.")] = None,
    chart: Annotated[str | None, typer.Option(help="men, women, unisex or a shop's own.")] = None,
    fit: Annotated[str | None, typer.Option(help="How clothes should sit.")] = None,
    as_json: Json = False,
) -> None:
    """Recommend a size from a photo, on this machine."""
    from commands.estimate_body import estimate_body as run

    facts = {"height_cm": height, "weight_kg": weight, "build": build, "sex": sex, "age": age}
    _run(lambda settings: run(settings, photo, **facts, chart=chart, fit=fit), as_json=as_json)


@app.command("pose-model")
def pose_model(*, as_json: Json = False) -> None:
    """Put the pose model into DATA_DIR, for the size recommendation."""
    from commands.outcome import Outcome
    from commands.pose_model import pose_model as run

    def put(settings: Settings) -> Outcome:
        path = run(settings)
        return Outcome({"path": str(path)}, f"The pose model is at {path}.")

    _run(put, as_json=as_json)


@benches.callback()
def bench(
    context: typer.Context,
    baseline: Annotated[Path | None, typer.Option(help="JSON of an earlier run to compare with.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="One part; may be repeated.")] = None,
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Small: only shows that everything runs.")] = False,
    as_json: Json = False,
) -> None:
    """Measure this machine; without a name, everything."""
    if context.invoked_subcommand is None:
        from commands.bench.bench import bench as run

        _run(
            lambda settings: run(settings, quick=quick, only=only or (), baseline_file=baseline),
            as_json=as_json,
        )


@benches.command("images")
def bench_images(*, as_json: Json = False) -> None:
    """What making a small JPEG of a picture costs, beside libvips."""
    from commands.bench.bench import images

    _run(lambda _: images(), as_json=as_json)


@benches.command("inflight")
def bench_inflight(
    tasks: Annotated[int, typer.Option(min=1, help="Generations at once.")] = 1000,
    latency: Annotated[float, typer.Option(min=0.1, help="What each of them takes, seconds.")] = 60.0,
    processes: Annotated[int, typer.Option(min=1, help="Worker processes that share them.")] = 1,
    *,
    as_json: Json = False,
) -> None:
    """Many generations that wait at once, in one worker process unless told otherwise."""
    from commands.bench.bench import in_flight

    _run(lambda settings: in_flight(settings, tasks=tasks, latency_s=latency, processes=processes), as_json=as_json)


@benches.command("http")
def bench_http(*, as_json: Json = False) -> None:
    """Event streams and orders over HTTP."""
    from commands.bench_http import bench_http as run

    _run(run, as_json=as_json)


@benches.command("sizing")
def bench_sizing(*, as_json: Json = False) -> None:
    """Sizes recommended over HTTP, beside the bare detection."""
    from commands.bench_sizing import bench_sizing as run

    _run(run, as_json=as_json)


def _run(command: Callable[[Settings], Outcome], *, as_json: bool) -> None:
    from commands.outcome import report
    from providers import logs
    from settings import load

    def configured() -> Outcome:
        settings = load()
        # A person reads the outcome; the log of its steps only where it was asked for.
        chosen = settings.log_level if "log_level" in settings.model_fields_set else "warning"
        logs.configure(level=chosen, style=settings.log_format)
        return command(settings)

    raise typer.Exit(report(configured, as_json=as_json))


def _await(command: Callable[[Settings], Coroutine[Any, Any, Outcome]], *, as_json: bool) -> None:
    import asyncio

    _run(lambda settings: asyncio.run(command(settings)), as_json=as_json)


if __name__ == "__main__":
    app()
