"""Darkroom's command line. `python manage.py --help` lists the commands."""

# ruff: noqa: PLC0415  each command imports only its own dependencies, so that --help is fast
from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.cli import VERSION, credits, dead, session, size, webhook  # noqa: A004  named after the command
from commands.cli.layout import command, group
from commands.cli.running import Json, Limit
from commands.cli.running import run as _run
from commands.cli.running import run_async as _await

if TYPE_CHECKING:
    from commands.outcome import CommandOutcome
    from settings import Settings

app = group(
    "Darkroom turns tasks into pictures: every task ends completed, or failed and refunded exactly once.",
    "demo",
    "up",
    "enqueue me.jpg coat.jpg",
    "status",
)
for _name, _group in (
    ("dead", dead),
    ("webhook", webhook),
    ("session", session),
    ("credits", credits),
    ("size", size),
):
    app.add_typer(_group.app, name=_name)


def _print_version(wanted: bool) -> None:  # noqa: FBT001  how Typer calls it
    if wanted:
        typer.echo(f"Darkroom {VERSION}")
        raise typer.Exit


@app.callback()
def main(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Parse the options that come before a command."""


@command(app, "up")
def up(*, as_json: Json = False) -> None:
    """Run workers, scheduler and HTTP service on this machine until Ctrl-C."""
    from commands.local.up import up as run

    _run(run, as_json=as_json)


@command(app, "enqueue me.jpg coat.jpg", 'enqueue https://a.example/me.jpg --prompt "a red coat"')
def enqueue(  # noqa: PLR0913  the parts of a task
    pictures: Annotated[
        list[str], typer.Argument(metavar="PICTURE", help="Person, outfit, accessories: files or http addresses.")
    ],
    *,
    prompt: Annotated[str, typer.Option(metavar="TEXT", help="Prompt; empty for the product's default.")] = "",
    user: Annotated[str | None, typer.Option(metavar="ID", help="Owner of the task: a shopper.")] = None,
    store: Annotated[str | None, typer.Option(metavar="ID", help="Owner of the task: a shop.")] = None,
    session: Annotated[
        str | None, typer.Option(metavar="ID", help="An existing session; by default a new one, free of charge.")
    ] = None,
    wait: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="How long to wait for the result, at least 1.")
    ] = 360.0,
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


@command(app, "status", "status --state failed --limit 5", "status 5f0c3a52-8a0e-4f60-9d3e-6f1f2a7f0b11")
def status(
    task: Annotated[str | None, typer.Argument(metavar="ID", help="Id of a task or session; shows it in full.")] = None,
    state: Annotated[
        str | None, typer.Option(help="Only jobs that are waiting, running, completed, failed or cancelled.")
    ] = None,
    limit: Limit = 20,
    *,
    as_json: Json = False,
) -> None:
    """Show the number of jobs in each state and the newest jobs, or one task."""
    from commands.status import chosen_state, status_of
    from commands.status import status as run

    if task:
        _await(lambda settings: status_of(settings, task), as_json=as_json)
    else:
        _await(lambda settings: run(settings, state=chosen_state(state), limit=limit), as_json=as_json)


@command(app, "sweep --dry-run", "sweep --older-than 3600")
def sweep(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done; change nothing.")] = False,  # noqa: FBT002  how Typer makes a flag
    older_than: Annotated[
        float | None,
        typer.Option(min=0, metavar="SECONDS", help="Age at which a session is stuck (default: STUCK_AFTER_S)."),
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Recover stuck jobs, or end and refund them, after watching for LEASE_S."""
    from commands import sweep as module

    run = module.dry_run if dry_run else module.sweep
    _await(lambda settings: run(settings, older_than_s=older_than), as_json=as_json)


@command(app, "prune --dry-run", "prune")
def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would be deleted; change nothing.")] = False,  # noqa: FBT002  how Typer makes a flag
    *,
    as_json: Json = False,
) -> None:
    """Delete the rows whose retention has passed."""
    from commands import prune as module

    _await(module.dry_run if dry_run else module.prune, as_json=as_json)


@command(app, "cancel 77b2c1de-3f4a-4d0c-8a55-0d3c6f1e9b20", "cancel order-7 --product images")
def cancel(
    session: Annotated[str, typer.Argument(help="Id of the session.")],
    *,
    product: Annotated[str | None, typer.Option(help="Product, if sessions of several products have this id.")] = None,
    channel: Annotated[str | None, typer.Option(help="Channel, if sessions of several channels have this id.")] = None,
    as_json: Json = False,
) -> None:
    """Cancel a queued or running session and refund it."""
    from commands.cancel import cancel as run

    _await(lambda settings: run(settings, session, product, channel), as_json=as_json)


@command(app, "migrate", "migrate --print > darkroom.sql")
def migrate(
    *,
    print_only: Annotated[bool, typer.Option("--print", help="Print the SQL; change nothing.")] = False,
    buckets: Annotated[bool, typer.Option("--buckets", help="Create the private Supabase buckets only.")] = False,
    as_json: Json = False,
) -> None:
    """Apply missing migrations; they only add to the database."""
    from commands import migrate as run

    if print_only:
        _run(run.print_script, as_json=as_json)
    else:
        _run(run.buckets if buckets else run.migrate, as_json=as_json)


@command(app, "check", "check --all", "check --json")
def check(
    *,
    every_setting: Annotated[bool, typer.Option("--all", help="List settings that have default values too.")] = False,
    as_json: Json = False,
) -> None:
    """Validate settings and connections; report every problem."""
    from commands.check import check as run

    _run(lambda settings: run(settings, every_setting=every_setting), as_json=as_json)


@command(app, "settings", "settings --update docs/settings.md")
def settings(
    *,
    update: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Replace the tables in this page instead.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List every setting with its meaning, type and default."""
    from commands.settings_table import settings_table, update_page

    _run(lambda _settings: update_page(update) if update else settings_table(), as_json=as_json)


@command(app, "schema > schemas.json")
def schema(*, as_json: Json = False) -> None:
    """Print the JSON Schemas of all payloads."""
    from commands.schema import schema as run

    _run(lambda _settings: run(), as_json=as_json)


@command(app, "estimate-body me.jpg --height 172 --weight 68", name="estimate-body")
def estimate_body(  # noqa: PLR0913  the facts about a person
    photo: Annotated[Path, typer.Argument(help="Photo file: the whole person, from the front.")],
    *,
    height: Annotated[float | None, typer.Option(help="Stature, 140 to 210 cm.")] = None,
    height_in: Annotated[float | None, typer.Option(help="Stature in inches, in place of --height.")] = None,
    weight: Annotated[float | None, typer.Option(help="35 to 180 kg; narrows the answer most.")] = None,
    weight_lb: Annotated[float | None, typer.Option(help="Weight in pounds, in place of --weight.")] = None,
    build: Annotated[int | None, typer.Option(help="1 (10th percentile of weight at this height) to 5 (90th).")] = None,
    sex: Annotated[str | None, typer.Option(help="female or male.")] = None,
    age: Annotated[int | None, typer.Option(help="Years; changes the waist only.")] = None,
    chart: Annotated[str | None, typer.Option(help="men, women, unisex or a shop's own.")] = None,
    fit: Annotated[str | None, typer.Option(help="slim, regular or loose.")] = None,
    as_json: Json = False,
) -> None:
    """Recommend a clothing size from a photo, on this machine."""
    from commands.estimate_body import estimate_body as run

    facts: dict[str, float | str | None] = {"height_cm": height, "height_in": height_in, "weight_kg": weight}
    facts |= {"weight_lb": weight_lb, "build": build, "sex": sex, "age": age}
    _run(lambda settings: run(settings, photo, **facts, chart=chart, fit=fit), as_json=as_json)


@command(app, "pose-model", name="pose-model")
def pose_model(*, as_json: Json = False) -> None:
    """Install the pose model of the size recommendation in DATA_DIR."""
    from commands.outcome import CommandOutcome
    from commands.pose_model import pose_model as run

    def put(settings: Settings) -> CommandOutcome:
        path = run(settings)
        return CommandOutcome({"path": str(path)}, f"The pose model is at {path}.")

    _run(put, as_json=as_json)


# Container images do not contain the development tools: demo, chaos and bench.
if find_spec("devtools"):
    from devtools.cli import register
else:
    from commands.cli.not_included import register
register(app)


if __name__ == "__main__":
    app()
