from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from nyc311_assets.local.feed.clock import frozen_clock
from nyc311_assets.local.feed.files.source import FileSource
from nyc311_assets.local.feed.server import running_feed
from nyc311_assets.local.feed.source import FeedSource
from nyc311_assets.local.feed.synthetic.source import SyntheticSource

ServeFeed = Callable[[FeedSource], httpx.Client]
MakeSource = Callable[[Sequence[Mapping[str, Any]]], FileSource]


@pytest.fixture
def serve() -> Iterator[ServeFeed]:
    """Serves a source over real HTTP and gives a client for it."""
    with ExitStack() as stack:

        def start(source: FeedSource) -> httpx.Client:
            feed = stack.enter_context(running_feed(source))
            return stack.enter_context(httpx.Client(base_url=feed.url, timeout=60))

        yield start


@pytest.fixture
def source_of(tmp_path: Path) -> MakeSource:
    """A source of given rows, by way of an API page in a file."""

    def make(rows: Sequence[Mapping[str, Any]]) -> FileSource:
        page = tmp_path / "page.json"
        page.write_bytes(orjson.dumps(list(rows)))
        return FileSource([page])

    return make


@pytest.fixture(scope="session")
def synthetic_source() -> Callable[[str], SyntheticSource]:
    """Sources of the default seed at given times; each is made once."""
    made: dict[str, SyntheticSource] = {}

    def at(moment: str) -> SyntheticSource:
        if moment not in made:
            made[moment] = SyntheticSource(clock=frozen_clock(datetime.fromisoformat(moment)))
        return made[moment]

    return at
