"""What the pipeline's own record says: days completed, how long steps take, what checks found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from nyc311_assets.dashboard.queries.source import Source, rows
from nyc311_assets.pipeline.cities import NEW_YORK

_RUNS, _CHECKS, _BATCHES = "ops.runs", "ops.checks", "bronze.batches"
STEPS = (
    "raw_311", "silver_requests", "gold_daily_counts", "prophet_model", "forecasts", "anomalies",
)  # fmt: skip
# The schedule starts a day's partition at 03:00 of the next day; by 06:00 it should be done.
DUE_AFTER_MIDNIGHT = timedelta(hours=6)
LAG_TARGET = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Completion:
    """Daily partitions that are due, and those of which every step has succeeded.

    Attributes:
        due: Partitions from the first that was ever asked for, within the window.
        missing: Those without a success of every step, oldest first.
    """

    due: int
    missing: Sequence[date]

    @property
    def share(self) -> float | None:
        """Share of the due ones that are complete; None if none is due."""
        return 1 - len(self.missing) / self.due if self.due else None


@dataclass(frozen=True, slots=True)
class Lags:
    """From the source's publication to gold, of days that ran on their own.

    Attributes:
        days: How many there are.
        median: The middle one; None if there are none.
        within_target: How many of them took less than `LAG_TARGET`.
    """

    days: int
    median: timedelta | None
    within_target: int


@dataclass(frozen=True, slots=True)
class StepTimes:
    """The attempts of one step over a span.

    Attributes:
        asset: The asset, or the operation.
        attempts: All of them.
        failed: Those that failed or were cancelled.
        median_seconds: Middle of those that succeeded, from submitted to ended; None if none did.
        longest_seconds: The longest of these.
        newest_end: When the newest attempt ended, UTC.
        newest_state: How.
    """

    asset: str
    attempts: int
    failed: int
    median_seconds: float | None
    longest_seconds: float | None
    newest_end: datetime
    newest_state: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The newest evaluation of a check for a partition."""

    asset: str
    check: str
    partition: date
    severity: str
    description: str
    owner: str
    evaluated_at: datetime


@dataclass(frozen=True, slots=True)
class CheckCounts:
    """Checks of one asset by their newest evaluation of each partition.

    Attributes:
        asset: The asset.
        passed: Those that pass.
        warned: Those that fail and only warn.
        failed: Those that fail as an error.
    """

    asset: str
    passed: int
    warned: int
    failed: int


_NEWEST = """
WITH newest AS (
    SELECT * FROM (
        SELECT *, row_number() OVER (
            PARTITION BY asset, "check", "partition" ORDER BY evaluated_at DESC, run_id DESC
        ) AS place FROM checks WHERE "partition" BETWEEN :first AND :last
    ) WHERE place = 1
)
"""


def due_through(now: datetime) -> date:
    """The newest daily partition that should be complete by a moment."""
    local = now.astimezone(NEW_YORK.time_zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    newest = local.date() - timedelta(days=1)
    return newest if local - midnight >= DUE_AFTER_MIDNIGHT else newest - timedelta(days=1)


def read_completion(source: Source, now: datetime, *, days: int) -> Completion | None:
    """Which daily partitions are complete; None if no step was ever recorded.

    Args:
        source: The tables.
        now: The present time, aware: a day counts from 06:00 of the day after it.
        days: The window, up to the newest partition that is due.
    """
    if not source.exists(_RUNS):
        return None
    last = due_through(now)
    first = last - timedelta(days=days - 1)
    found = rows(
        source.query(
            """SELECT asset, first_partition AS first, last_partition AS last, state FROM runs
            WHERE first_partition IS NOT NULL AND last_partition >= :first
            AND first_partition <= :last GROUP BY 1, 2, 3, 4""",
            {"runs": _RUNS},
            {"first": first, "last": last},
        )
    )
    if not found:
        return Completion(0, ())
    begins = max(first, min(each["first"] for each in found))
    due = [begins + timedelta(days=each) for each in range((last - begins).days + 1)]
    done: dict[str, set[date]] = {step: set() for step in STEPS}
    for each in found:
        if each["state"] == "SUCCESS" and each["asset"] in done:
            done[each["asset"]] |= {day for day in due if each["first"] <= day <= each["last"]}
    whole = set.intersection(*done.values())
    return Completion(len(due), tuple(day for day in due if day not in whole))


def read_lags(source: Source, now: datetime, *, days: int) -> Lags | None:
    """How long gold took from publication on days that ran on their own; None without a record.

    A backfill pulls days that were published long before: its lag says nothing.
    """
    if not (source.exists(_RUNS) and source.exists(_BATCHES)):
        return None
    window = {"first": due_through(now) - timedelta(days=days - 1), "last": due_through(now)}
    published = rows(
        source.query(
            """SELECT ingestion_date AS day, max(dataset_version) AS at FROM batches
            WHERE ingestion_date BETWEEN :first AND :last GROUP BY 1""",
            {"batches": _BATCHES},
            window,
        )
    )
    ended: dict[date, list[datetime]] = defaultdict(list)
    for each in rows(
        source.query(
            """SELECT first_partition AS day, ended_at AS at FROM runs
            WHERE first_partition BETWEEN :first AND :last AND partitions = 1
            AND asset = 'gold_daily_counts' AND state = 'SUCCESS' ORDER BY ended_at""",
            {"runs": _RUNS},
            window,
        )
    ):
        ended[each["day"]].append(each["at"])
    lags = sorted(
        gold - each["at"]
        for each in published
        if each["at"]
        for gold in [next((end for end in ended[each["day"]] if end >= each["at"]), None)]
        if gold
    )
    middle = lags[len(lags) // 2] if lags else None
    return Lags(len(lags), middle, sum(each < LAG_TARGET for each in lags))


def read_step_times(source: Source, since: datetime) -> list[StepTimes]:
    """The attempts of each step that ended since a moment, in the order of the pipeline."""
    if not source.exists(_RUNS):
        return []
    found = rows(
        source.query(
            """SELECT asset, count(*) AS attempts, max(ended_at) AS newest,
            count(CASE WHEN state <> 'SUCCESS' THEN 1 END) AS failed,
            median(CASE WHEN state = 'SUCCESS' THEN seconds END) AS middle,
            max(CASE WHEN state = 'SUCCESS' THEN seconds END) AS longest,
            max(CASE WHEN place = 1 THEN state END) AS state
            FROM (SELECT *, queue_seconds + setup_seconds + execution_seconds AS seconds,
                  row_number() OVER (PARTITION BY asset ORDER BY ended_at DESC) AS place FROM runs
                  WHERE ended_at >= :since)
            GROUP BY asset""",
            {"runs": _RUNS},
            {"since": since},
        )
    )
    times = [
        StepTimes(
            each["asset"], each["attempts"], each["failed"], each["middle"], each["longest"],
            each["newest"], each["state"],
        )
        for each in found
    ]  # fmt: skip
    return sorted(times, key=lambda each: (_place(each.asset), each.asset))


def read_check_counts(source: Source, last: date, *, days: int) -> list[CheckCounts]:
    """Checks that pass and fail over the newest partitions, in the order of the pipeline."""
    if not source.exists(_CHECKS):
        return []
    found = rows(
        source.query(
            _NEWEST + """SELECT asset, count(CASE WHEN passed THEN 1 END) AS passed,
            count(CASE WHEN NOT passed AND severity = 'WARN' THEN 1 END) AS warned,
            count(CASE WHEN NOT passed AND severity <> 'WARN' THEN 1 END) AS failed
            FROM newest GROUP BY asset""",  # noqa: S608 # a text of this module
            {"checks": _CHECKS},
            {"first": last - timedelta(days=days - 1), "last": last},
        )
    )
    counts = [CheckCounts(*(each[name] for name in CheckCounts.__slots__)) for each in found]
    return sorted(counts, key=lambda each: (_place(each.asset), each.asset))


def read_standing_failures(source: Source, last: date, *, days: int) -> list[CheckResult]:
    """Checks whose newest evaluation of a partition failed, newest partition first."""
    if not source.exists(_CHECKS):
        return []
    found = rows(
        source.query(
            _NEWEST  # noqa: S608 # a text of this module
            + """SELECT asset, "check", "partition", severity, description, owner, evaluated_at
            FROM newest WHERE NOT passed ORDER BY "partition" DESC, severity, asset, "check" """,
            {"checks": _CHECKS},
            {"first": last - timedelta(days=days - 1), "last": last},
        )
    )
    return [CheckResult(**each) for each in found]


def _place(asset: str) -> int:
    return STEPS.index(asset) if asset in STEPS else len(STEPS)
