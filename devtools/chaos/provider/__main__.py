"""Serve until stopped: `python -m devtools.chaos.provider PORT [SEED]`."""

from __future__ import annotations

import asyncio
import sys

from devtools.chaos.provider.server import Server


def main() -> None:
    """Serve on the loopback interface."""
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0  # noqa: PLR2004  the second argument
    asyncio.run(Server(seed).serve(int(sys.argv[1])))


if __name__ == "__main__":
    main()
