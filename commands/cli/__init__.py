"""The commands of `manage.py`, as Typer sees them: names, arguments, help. What they do is in `commands`."""

VERSION = "0.1.0"
