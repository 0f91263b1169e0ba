"""The lakehouse of this server: one for all sessions, with the answers that they share."""

from __future__ import annotations

import os
from functools import cache, partial

from nyc311_assets.dashboard.queries.lakehouse import Lakehouse
from nyc311_assets.dashboard.queries.reader import Answers, Reader
from nyc311_assets.dashboard.queries.source import Tables
from nyc311_assets.settings import LakehouseUnknown, Settings


@cache
def settings() -> Settings:
    """The settings that the server was started with."""
    return Settings()


def open_tables(settings: Settings) -> Tables:
    """The tables: their files, or a catalog through a SQL warehouse where one is set.

    Raises:
        LakehouseUnknown: Where the tables are stored is not set, or a warehouse without what it
            takes to ask it.
    """
    if settings.dashboard_warehouse_id:
        return _through_warehouse(settings, settings.dashboard_warehouse_id)
    return Lakehouse(settings.tables_url)


@cache
def _shared() -> tuple[Tables, Answers]:
    return open_tables(settings()), Answers()


def reader() -> Reader:
    """A reader for one run of one page.

    Raises:
        LakehouseUnknown: See `open_tables`.
    """
    return Reader(*_shared())


def _through_warehouse(settings: Settings, warehouse_id: str) -> Tables:
    # Databricks' SDK and the translator of SQL take longer to import than the pages.
    from nyc311_assets.dashboard.queries.warehouse import Warehouse  # noqa: PLC0415
    from nyc311_assets.resources.signing_in import SettingsMissing, sign_in  # noqa: PLC0415
    from nyc311_assets.resources.statements import run_statement  # noqa: PLC0415

    if not settings.catalog or not os.environ.get("DATABRICKS_HOST"):
        raise LakehouseUnknown(
            "NYC311_DASHBOARD_WAREHOUSE_ID names a SQL warehouse: set NYC311_CATALOG to the catalog "
            "with the tables and DATABRICKS_HOST to the workspace, or leave it unset."
        )
    try:
        client = sign_in()
    except SettingsMissing as error:
        raise LakehouseUnknown(str(error)) from error
    own = Lakehouse(settings.operations_url)
    return Warehouse(partial(run_statement, client, warehouse_id), settings.catalog, own)
