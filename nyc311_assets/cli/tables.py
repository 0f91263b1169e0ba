"""What `nyc311 history`, `restore`, `counts` and `maintain` do and show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from rich.console import Console
from rich.filesize import decimal

from nyc311_assets.automation.maintenance import MAINTENANCE, maintenance_op
from nyc311_assets.automation.time_travel import (
    COUNTS_OP,
    HISTORY_OP,
    KNOWN_COUNTS,
    TABLE_HISTORY,
    restore_job_name,
    restore_op,
)
from nyc311_assets.cli.errors import WrongUse
from nyc311_assets.cli.formats import local_time, moved, number, page_of, parse_time
from nyc311_assets.cli.operations import run_operation
from nyc311_assets.pipeline.catalog import find_table, layers
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.settings import Settings


def show_history(console: Console, settings: Settings, *, table: str, limit: int) -> None:
    """Show a table's versions, newest first.

    Raises:
        UnknownTable: There is no such table.
        OperationRefused: It has not been written yet.
        OperationFailed: The run did not succeed.
    """
    find_table(NEW_YORK, table)
    with console.status(f"Reading the history of {table} …"):
        answers = run_operation(
            settings, TABLE_HISTORY, {HISTORY_OP: {"table": table, "limit": limit}}
        )
    answer = answers[HISTORY_OP]
    page = page_of(
        "version", "written (New York)", "operation", "rows in", "updated", "deleted", "run"
    )
    for each in answer["versions"]:
        page.add_row(
            str(each["version"]),
            local_time(each["written_at"]),
            each["operation"],
            *(number(each[name]) for name in ("inserted", "updated", "deleted")),
            (each["run_id"] or "-")[:8],
        )
    console.print(page)
    console.print(f"{len(answer['versions'])} of {answer['versions_in_log']} versions in the log.")
    console.print(_what_remains(answer), highlight=False, soft_wrap=True)


def _what_remains(answer: Mapping[str, Any]) -> str:
    certain, begins = answer["certain_from"], answer["log_begins"]
    lines = []
    if begins > 0:
        lines.append(f"The log before version {begins} has been cleaned up: what is older is gone.")
    if certain == begins:
        lines.append(f"All versions from {begins} on can be read and restored.")
    else:
        vacuumed = answer["vacuumed_at"]
        removed = f", and VACUUM removed older ones {local_time(vacuumed)}" if vacuumed else ""
        lines.append(
            f"The table keeps files for {answer['retention_hours']:g} hours{removed}: version "
            f"{certain} ({local_time(answer['certain_since'])}) and those after it can be read and "
            "restored. NYC311_VACUUM_HOURS makes it keep them longer."
        )
    return "\n".join(lines)


def restore_table(
    console: Console,
    settings: Settings,
    *,
    table: str,
    to_version: int | None,
    to_time: str | None,
    confirm: Callable[[str], bool] | None,
) -> bool:
    """Take a table back, after showing what would change.

    Args:
        console: Where it is shown.
        settings: The project's.
        table: `layer.table`.
        to_version: The version to go back to, or None for a time.
        to_time: A time, ISO; without a zone it is New York's.
        confirm: Asks the user; None to go ahead.

    Returns:
        False if the user would not.

    Raises:
        UnknownTable: There is no such table.
        WrongUse: Not exactly one of version and time was given, or the time cannot be read.
        OperationRefused: There is no such version or time, or its files are gone.
        OperationFailed: The run did not succeed.
    """
    layer, _ = find_table(NEW_YORK, table)
    if (to_version is None) == (to_time is None):
        raise WrongUse("Give either --to-version or --to-time.")
    config = {
        "table": table,
        "to_version": to_version,
        "to_time": parse_time(to_time).isoformat() if to_time is not None else None,
    }
    job, op = restore_job_name(layer), restore_op(layer)
    if confirm is not None:
        with console.status(f"Looking what would change in {table} …"):
            plan = run_operation(settings, job, {op: {**config, "preview": True}})[op]
        # What was looked at is what is restored, also if a run writes the table meanwhile.
        config |= {"to_version": plan["to_version"], "to_time": None}
        console.print(_change(plan, "would go"), highlight=False, soft_wrap=True)
        if plan["from_version"] == plan["to_version"]:
            return True
        if not confirm(f"Restore {table} to version {plan['to_version']}?"):
            return False
    with console.status(f"Restoring {table} …"):
        done = run_operation(settings, job, {op: {**config, "preview": False}})[op]
    console.print(_change(done, "went"), highlight=False, soft_wrap=True)
    for place, step in enumerate(done["next_steps"], start=1):
        console.print(f"{place}. {step}", highlight=False, soft_wrap=True)
    return True


def _change(answer: Mapping[str, Any], goes: str) -> str:
    then = f"version {answer['to_version']} ({local_time(answer['to_written_at'])}, {answer['operation']})"
    if answer["from_version"] == answer["to_version"]:
        return f"{answer['table']} is at {then} already: nothing to do."
    before, after = answer["rows_before"], answer["rows_after"]
    text = (
        f"{answer['table']} {goes} from version {answer['from_version']} back to {then}: "
        f"from {before:,} rows to {after:,} ({after - before:+,})."
    )
    if not answer["is_done"] and not answer["is_certain"]:
        text += " That version is older than what is kept for certain: this may be refused."
    return text


def show_counts(
    console: Console,
    settings: Settings,
    *,
    known_on: date,
    day: date | None,
    complaint_type: str | None,
    borough: str | None,
    exact: bool,
    limit: int,
) -> None:
    """Show counts of requests as they were known on a past date, largest first.

    Raises:
        OperationRefused: There is no silver.requests, or with `exact` no version of that date.
        OperationFailed: The run did not succeed.
    """
    config = {
        "known_on": known_on.isoformat(),
        "exact": exact,
        "request_date": day.isoformat() if day else None,
        "complaint_type": complaint_type,
        "borough": borough,
        "limit": limit,
    }
    with console.status(f"Counting as known on {known_on} …"):
        answer = run_operation(settings, KNOWN_COUNTS, {COUNTS_OP: config})[COUNTS_OP]
    page = page_of("day", "complaint type", "borough", "agency", "requests", left=4)
    for *names, requests in answer["rows"]:
        page.add_row(*names, f"{requests:,}")
    console.print(page)
    shown = len(answer["rows"])
    how = (
        f"in version {answer['version']} of silver.requests, current when {known_on} ended"
        if exact
        else f"by the partitions up to {known_on}"
    )
    console.print(
        f"{answer['requests']:,} requests in {answer['series']:,} series, as known {how}"
        + (f"; the {shown:,} largest are shown." if shown < answer["series"] else "."),
        highlight=False,
        soft_wrap=True,
    )


def run_maintenance(console: Console, settings: Settings, *, dry_run: bool) -> None:
    """Maintain all tables now, or tell what that would do.

    Raises:
        OperationFailed: The run did not succeed.
    """
    ops = {maintenance_op(layer): {"dry_run": dry_run} for layer in layers(NEW_YORK)}
    with console.status("Looking …" if dry_run else "Maintaining all tables …"):
        answers = run_operation(settings, MAINTENANCE, ops)
    tables = [table for answer in answers.values() for table in answer["tables"]]
    if not tables:
        console.print("There are no tables yet: `nyc311 demo` makes some.")
        return
    page = page_of("table", "rows", "files", "size", "expired", "old files")
    for table in tables:
        before, after = table["before"], table["after"]
        page.add_row(
            table["table"],
            f"{after['rows']:,}",
            moved(before["files"], after["files"]),
            moved(decimal(before["size_bytes"]), decimal(after["size_bytes"])),
            f"{table['rows_expired']:,}",
            number(table["files_removed"]),
        )
    console.print(page)
    console.print(
        (
            "A dry run: nothing was changed. Expired rows of superseded pulls and old files would go."
            if dry_run
            else "Expired rows of superseded pulls and old files are gone; the files of the last "
            f"{settings.vacuum_hours} hours stay."
        ),
        soft_wrap=True,
    )
