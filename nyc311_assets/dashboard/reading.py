"""The lakehouse of this server: one for all sessions, with the answers that they share."""

from __future__ import annotations

from functools import cache

from nyc311_assets.dashboard.queries.lakehouse import Lakehouse
from nyc311_assets.dashboard.queries.reader import Answers, Reader
from nyc311_assets.settings import Settings


@cache
def settings() -> Settings:
    """The settings that the server was started with."""
    return Settings()


@cache
def _shared(url: str) -> tuple[Lakehouse, Answers]:
    return Lakehouse(url), Answers()


def reader() -> Reader:
    """A reader for one run of one page.

    Raises:
        LakehouseUnknown: Where the tables are stored is not set.
    """
    return Reader(*_shared(settings().tables_url))
