"""Taking a model out of service: the one before it serves from the next run on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pyspark.sql import SparkSession

from nyc311_assets.pipeline.contracts import MODEL_VERSIONS
from nyc311_assets.pipeline.ml.registry import ModelRegistry, RegistryDown
from nyc311_assets.pipeline.ml.store import existing, plain_row
from nyc311_assets.pipeline.tables import Lakehouse, within


class NoSuchVersion(LookupError):
    """There is no such model, or it cannot serve."""


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What was done.

    Attributes:
        version: The version that serves now.
        trained_on: Its training day.
        taken_back: Versions that no longer serve.
        warning: Why the registry's alias could not be moved; empty if it was.
    """

    version: str
    trained_on: date
    taken_back: tuple[str, ...]
    warning: str


def model_versions(spark: SparkSession, lakehouse: Lakehouse) -> list[dict[str, Any]]:
    """All trainings, newest first, as JSON values, with `serves` for the one in service."""
    rows = existing(spark, lakehouse, MODEL_VERSIONS).read().orderBy("trained_on").collect()
    serving = next(
        (row for row in reversed(rows) if row["promoted"] and row["rolled_back_at"] is None), None
    )
    return [plain_row(row) | {"serves": row == serving} for row in reversed(rows)]


def roll_back(
    spark: SparkSession,
    lakehouse: Lakehouse,
    registry: ModelRegistry,
    *,
    to: str | None,
    now: datetime,
) -> RolledBack:
    """Let an earlier version serve; forecasts that were issued stay as they are.

    A version that was taken back before can be chosen again.

    Args:
        spark: The session.
        lakehouse: Where the tables are.
        registry: Whose alias moves, too.
        to: The version; None for the one before that in service.
        now: The present time, aware.

    Raises:
        NoSuchVersion: There is none to go back to, or the gate refused it.
    """
    table = existing(spark, lakehouse, MODEL_VERSIONS)
    rows = table.read().orderBy("trained_on").collect()
    passed = [row for row in rows if row["promoted"]]
    serving = [row for row in passed if row["rolled_back_at"] is None]
    if to is None:
        if len(serving) < 2:  # noqa: PLR2004 - the one in service and one before it
            raise NoSuchVersion(
                "There is no earlier model to go back to: "
                f"{len(serving)} in service or ready to serve. `nyc311 models list` shows all."
            )
        target = serving[-2]
    else:
        named = [row for row in rows if row["model_version"] == to]
        if not named:
            raise NoSuchVersion(
                f"There is no model version {to}: `nyc311 models list` shows those there are."
            )
        target = named[0]
        if not target["promoted"]:
            raise NoSuchVersion(
                f"The gate refused version {to} ({target['reason']}): it cannot serve."
            )
    later = [row for row in serving if row["trained_on"] > target["trained_on"]]
    if later:
        _set(spark, table.sql_name, [row["trained_on"] for row in later], now.isoformat())
    if target["rolled_back_at"] is not None:
        _set(spark, table.sql_name, [target["trained_on"]], None)
    warning = ""
    try:
        registry.promote(target["model_version"])
    except RegistryDown as error:
        warning = str(error)
    return RolledBack(
        target["model_version"],
        target["trained_on"],
        tuple(row["model_version"] for row in later),
        warning,
    )


def _set(spark: SparkSession, table: str, trained_on: list[date], at: str | None) -> None:
    value = "NULL" if at is None else f"TIMESTAMP'{at}'"
    where = within(trained_on, "trained_on")
    # A table, a time and days of our own: nothing of a user's is in the statement.
    spark.sql(f"UPDATE {table} SET rolled_back_at = {value} WHERE {where}")  # noqa: S608
