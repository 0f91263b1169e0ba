"""What `nyc311 rejects list` and `replay` do and show."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import uuid4

import dagster as dg
from rich.console import Console
from rich.markup import escape

from nyc311_assets.automation.rejects import REJECTS_OP, STANDING_REJECTS
from nyc311_assets.cli.errors import OperationFailed, WrongUse
from nyc311_assets.cli.formats import page_of, printable
from nyc311_assets.cli.materializing import Materialization, NotMaterialized, materialize
from nyc311_assets.cli.operations import open_instance, run_operation
from nyc311_assets.definitions import build_definitions
from nyc311_assets.pipeline.days import unbroken
from nyc311_assets.settings import Settings

_ASSET = "silver_requests"


def list_rejects(
    console: Console,
    settings: Settings,
    *,
    partitions: str | None,
    day: date | None,
    reason: str | None,
    limit: int,
    payload: bool,
) -> None:
    """Show the rejected rows that stand, and how many there are by reason.

    Args:
        console: Where it is shown.
        settings: The project's.
        partitions: A daily partition or a range of them, A...B; None for all.
        day: Only those of this request date.
        reason: Only those with a reason that holds this text, in any case.
        limit: Most rows to show.
        payload: Show their JSON, too.

    Raises:
        WrongUse: The partitions cannot be read.
        OperationRefused: There is no silver.rejects.
        OperationFailed: The run did not succeed.
    """
    config = {
        **_partition_config(partitions),
        "day": day.isoformat() if day else None,
        "reason": reason,
        "limit": limit,
        "payload": payload,
    }
    with console.status("Looking at the rejected rows …"):
        answer = _ask(settings, config)
    if answer["rows"]:
        page = page_of("day", "partition", "row id", "unique key", "reasons", left=5)
        for row in answer["rows"]:
            page.add_row(
                row["day"],
                row["partition"],
                _shown(row["source_row_id"]),
                _shown(row["unique_key"] or "-"),
                "; ".join(row["reasons"]),
            )
            if row["payload"] is not None:
                page.add_row("", "", "", "", _shown(row["payload"]))
        console.print(page)
    console.print(_standing(answer), highlight=False, soft_wrap=True)
    shown = len(answer["rows"])
    if shown < answer["rejects"]:
        console.print(f"{shown:,} of them are shown; --limit shows more.", highlight=False)


def replay_rejects(console: Console, settings: Settings, *, partitions: str | None) -> None:
    """Judge the rejected rows that stand again, and bring those that are sound now to gold.

    Materializes silver_requests and what is downstream of it for every partition that holds such
    rows, in one run for each unbroken range of them.

    Args:
        console: Where it is shown.
        settings: The project's.
        partitions: A daily partition or a range of them, A...B; None for all.

    Raises:
        WrongUse: The partitions cannot be read.
        OperationRefused: There is no silver.rejects.
        OperationFailed: A run did not succeed; what came of it has been shown.
    """
    wanted = _partition_config(partitions)
    note = str(uuid4())
    with console.status("Looking which rejected rows stand …"):
        before = _ask(settings, {**wanted, "limit": 0, "remember": note})
    if before["rejects"]:
        console.print(_standing(before), highlight=False, soft_wrap=True)
    days = [date.fromisoformat(day) for day in before["partitions"]]
    failed = [
        f"{first}...{last}: {name}"
        for first, last in unbroken(days)
        for name in _materialize(console, settings, first, last)
    ]
    with console.status("Looking which still stand …"):
        after = _ask(settings, {**wanted, "limit": 0, "compare": note})
    if before["rejects"]:
        console.print(
            f"{after['solved']:,} of {before['rejects']:,} rejected rows found their way back.",
            highlight=False,
        )
    console.print(_standing(after), highlight=False, soft_wrap=True)
    if failed:
        raise OperationFailed(
            f"Not materialized: {'; '.join(failed)}. The messages above say why; `make dev` shows "
            "the whole run."
        )


def _ask(settings: Settings, config: Mapping[str, Any]) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = run_operation(settings, STANDING_REJECTS, {REJECTS_OP: config})[
        REJECTS_OP
    ]
    return answer


def _partition_config(text: str | None) -> dict[str, str]:
    """The ends of `A...B`, or of the range of one day."""
    if text is None:
        return {}
    try:
        first, last = (date.fromisoformat(end) for end in (text.split("...") * 2)[:2])
    except ValueError:
        raise WrongUse(
            f"{text!r} is neither a partition, 2026-03-01, nor a range of them, "
            "2026-03-01...2026-03-31."
        ) from None
    if last < first:
        raise WrongUse(f"{text} ends before it begins: write the earlier partition first.")
    return {"first_partition": first.isoformat(), "last_partition": last.isoformat()}


def _shown(text: str) -> str:
    return escape(printable(text))


def _standing(answer: Mapping[str, Any]) -> str:
    if not answer["rejects"]:
        return "No rejected row stands."
    reasons = ", ".join(f"{reason} ({count:,})" for reason, count in answer["reasons"].items())
    rows, partitions = answer["rejects"], len(answer["partitions"])
    stand = "1 rejected row stands" if rows == 1 else f"{rows:,} rejected rows stand"
    where = "1 partition" if partitions == 1 else f"{partitions:,} partitions"
    return f"{stand} in {where}: {reasons}."


def _materialize(console: Console, settings: Settings, first: date, last: date) -> list[str]:
    """Run silver and what is downstream; returns the steps that did not get done."""
    in_production = bool(os.environ.get("DATABRICKS_HOST"))
    definitions = build_definitions(settings, in_production=in_production)
    graph = definitions.resolve_asset_graph()
    selected = dg.AssetSelection.assets(_ASSET).downstream().resolve(graph)
    steps = tuple(key.to_user_string() for key in graph.toposorted_asset_keys if key in selected)
    wanted = Materialization(f"{_ASSET}*", steps, first, last)
    with open_instance(settings) as instance:
        environment = {
            "NYC311_HOME": str(settings.home),
            "DAGSTER_HOME": os.environ["DAGSTER_HOME"],
            "NYC311_START_DATE": min(settings.start_date, first).isoformat(),
        }
        try:
            view = materialize(
                console,
                instance,
                wanted,
                environment=environment,
                log_path=settings.home / "replay.log",
            )
        except NotMaterialized as error:
            raise OperationFailed(str(error)) from None
    for step in view.steps.values():
        if step.state == "failed":
            console.print(f"{step.name} failed:\n{step.message}", highlight=False, markup=False)
    return [step.name for step in view.steps.values() if step.state != "done"]
