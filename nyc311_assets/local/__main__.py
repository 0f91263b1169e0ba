"""`python -m nyc311_assets.local --home FOLDER`: serves the embedded workspace of a home."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def main() -> int:
    """Serve, in the foreground or detached; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m nyc311_assets.local", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="home folder to serve")
    parser.add_argument(
        "--idle-minutes", type=float, default=5.0, help="stop after this long without work"
    )
    parser.add_argument(
        "--feed-module", default="nyc311_assets.local.feed", help="what runs as the feed"
    )
    parser.add_argument(
        "--detach", action="store_true", help="go on in the background, and print the process id"
    )
    arguments = parser.parse_args()
    if arguments.detach:
        # Before anything is imported that has threads, or that takes time.
        pid = os.fork()
        if pid:
            sys.stdout.write(f"{pid}\n")
            return 0
        os.setsid()
        devnull = os.open(os.devnull, os.O_RDWR)
        os.dup2(devnull, 0)
        os.dup2(2, 1)

    from nyc311_assets.local.paths import WorkspacePaths  # noqa: PLC0415
    from nyc311_assets.local.server import HomeInUse, serve  # noqa: PLC0415

    try:
        serve(
            WorkspacePaths.of(arguments.home),
            idle_minutes=arguments.idle_minutes,
            feed_module=arguments.feed_module,
        )
    except HomeInUse as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
