"""Plain-text help with examples, and usage errors as JSON with `--json`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from typer._click.exceptions import ClickException  # Typer brings its own Click and exports this class nowhere else
from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

F = TypeVar("F", bound="Callable[..., Any]")


class PlainCommand(TyperCommand):
    """Command whose help shows each argument once, in capitals, without its Python type."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words after the command's name in the usage line."""
        arguments = [param for param in self.get_params(ctx) if param.param_type_name == "argument"]
        return [
            "[OPTIONS]",
            *(name if param.required else f"[{name}]" for param in arguments for name in [_name(param)]),
        ]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and the options."""
        _write(self.get_params(ctx), ctx, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  as Typer calls it
        """Write the examples unwrapped, ready to copy."""
        _write_examples(self.epilog, formatter)


class PlainGroup(TyperGroup):
    """Group of commands; the outermost group reports usage errors as JSON with `--json`."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: FBT001, FBT002  as Typer has it
        windows_expand_args: bool = True,  # noqa: FBT001, FBT002  the same
        **extra: Any,
    ) -> Any:
        """Run a command and exit with its code; 2 for a usage error."""
        words = list(sys.argv[1:] if args is None else args)
        if not standalone_mode or "--json" not in words:
            return super().main(words, prog_name, complete_var, standalone_mode, windows_expand_args, **extra)
        try:
            code = super().main(words, prog_name, complete_var, False, windows_expand_args, **extra)  # noqa: FBT003  the same
        except ClickException as error:
            sys.stderr.write(f"{error.format_message()}\n")
            sys.stdout.write(json.dumps({"error": error.format_message()}) + "\n")
            code = error.exit_code
        sys.exit(code)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options, then the commands with the first sentence of their help."""
        _write(self.get_params(ctx), ctx, formatter)
        rows = [
            (name, command.get_short_help_str(200)) for name, command in self.commands.items() if not command.hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  as Typer calls it
        """Write the examples."""
        _write_examples(self.epilog, formatter)


def group(sentence: str, *examples: str, **options: Any) -> typer.Typer:
    """Create a group of commands; `sentence` is its help."""
    return typer.Typer(
        cls=PlainGroup,
        help=sentence,
        epilog="\n".join(examples),
        rich_markup_mode=None,
        add_completion=False,
        pretty_exceptions_show_locals=False,
        **({"no_args_is_help": True} | options),
    )


def command(app: typer.Typer, *examples: str, name: str | None = None) -> Callable[[F], F]:
    """Add the decorated function to `app`; `examples` end its help and leave out the program's name."""
    return app.command(name, cls=PlainCommand, epilog="\n".join(examples))


def _write(params: Iterable[Any], ctx: Any, formatter: Any) -> None:
    shown = [param for param in params if not param.hidden]
    arguments = [(_name(param), param.help or "") for param in shown if param.param_type_name == "argument"]
    options = [(_option(param), _help(param, ctx)) for param in shown if param.param_type_name == "option"]
    for title, rows in (("Arguments", arguments), ("Options", options)):
        if rows:
            with formatter.section(title):
                formatter.write_dl(rows)


def _name(param: Any) -> str:
    name = param.metavar or str(param.name).upper().replace("_", "-")
    return f"{name}..." if param.nargs == -1 else name


def _option(param: Any) -> str:
    names = ", ".join(param.opts)
    return names if param.is_flag else f"{names} {_name(param)}"


def _help(param: Any, ctx: Any) -> str:
    default = param.get_default(ctx, call=False)
    text = f"{default:g}" if isinstance(default, float) else str(default)
    return f"{param.help or ''}" + (f" (default: {text})" if default and not param.is_flag else "")


def _write_examples(examples: str | None, formatter: Any) -> None:
    if examples:
        with formatter.section("Examples"):
            formatter.write("".join(f"  python manage.py {line}\n" for line in examples.splitlines()))
