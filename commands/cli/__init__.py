"""Command-line definitions of `manage.py` for Typer: names, arguments, help texts. `commands` implements them."""

VERSION = "0.1.0"
