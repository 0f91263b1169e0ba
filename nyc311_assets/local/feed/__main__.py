"""`python -m nyc311_assets.local.feed`: serve the feed until it is told to stop."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from nyc311_assets.local.feed.clock import Clock, frozen_clock, system_clock
from nyc311_assets.local.feed.files.errors import RowFileError
from nyc311_assets.local.feed.files.source import FileSource
from nyc311_assets.local.feed.server import AddressInUse, ServingFeed, serve_feed
from nyc311_assets.local.feed.source import FeedSource
from nyc311_assets.local.feed.synthetic.source import DEFAULT_SEED, SyntheticSource

_FAILED = 1
_WRONG_USE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 0 stopped, 1 failed, 2 wrong use."""
    options = _parser().parse_args(arguments)
    try:
        source = _source(options.rows, options.seed, options.now)
    except RowFileError as error:
        return _complain(error, _WRONG_USE)

    def announce(feed: ServingFeed) -> None:
        sys.stdout.write(f"Serving {source.provenance} 311 requests at {feed.url}\n")
        sys.stdout.flush()

    try:
        serve_feed(
            source,
            host=options.host,
            port=options.port,
            ready_file=options.ready_file,
            on_ready=announce,
        )
    except AddressInUse as error:
        return _complain(error, _FAILED)
    return 0


def _source(rows: Sequence[str], seed: int, now: Clock) -> FeedSource:
    return FileSource(rows) if rows else SyntheticSource(seed, now)


def _complain(error: Exception, code: int) -> int:
    sys.stderr.write(f"{error}\n")
    return code


def _moment(text: str) -> Clock:
    try:
        return frozen_clock(datetime.fromisoformat(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m nyc311_assets.local.feed",
        description="Serve 311 requests as NYC Open Data does: synthetic ones, or those in files.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port; 0 takes any free one")
    parser.add_argument(
        "--rows",
        action="extend",
        nargs="+",
        default=[],
        metavar="PATH",
        help="files, folders or patterns of real rows to serve instead of synthetic ones",
    )
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="seed of the synthetic rows")
    parser.add_argument(
        "--now",
        type=_moment,
        default=system_clock,
        metavar="TIME",
        help="let the synthetic source's clock stand still at this time",
    )
    parser.add_argument(
        "--ready-file", type=Path, help="write port, process id and provenance here when ready"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
