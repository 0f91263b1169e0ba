"""A small lakehouse, written by delta-rs from the contracts: fifty days, seven series, no Spark."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake

from nyc311_assets.dashboard.queries.runs import STEPS
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.contracts import (
    ANOMALIES,
    BATCHES,
    CHECKS,
    DAILY_COUNTS,
    EPISODES,
    FORECASTS,
    MODEL_VERSIONS,
    RUNS,
    SERIES,
    SERVING,
    TableContract,
    silver_requests,
)

LAST = date(2026, 10, 29)  # incomplete
NEWEST = date(2026, 10, 28)  # complete
FIRST = NEWEST - timedelta(days=49)
FINAL = NEWEST - timedelta(days=7)
PUBLISHED = datetime(2026, 10, 30, 1, 40, tzinfo=UTC)
CONFIRMED, WATCH, CLOSED = "a7f3c00000000001", "a7f3c00000000002", "a7f3c00000000003"
RODENT = "type: Rodent | borough: BRONX"
NOISE = "type: Noise - Residential | borough: QUEENS"
UNKEPT = NEWEST - timedelta(days=12)
# A day whose last step failed.
BROKEN = NEWEST - timedelta(days=4)
LEAVES = (("Rodent", "BRONX", "DOHMH", 40), ("Noise - Residential", "QUEENS", "NYPD", 100))
TYPES = {
    "STRING": pa.string(),
    "DATE": pa.date32(),
    "DOUBLE": pa.float64(),
    "INT": pa.int32(),
    "BIGINT": pa.int64(),
    "BOOLEAN": pa.bool_(),
    "TIMESTAMP": pa.timestamp("us", "UTC"),
    "TIMESTAMP_NTZ": pa.timestamp("us"),
    "ARRAY<STRING>": pa.list_(pa.string()),
}
BLANK = {
    "STRING": "", "DATE": FIRST, "DOUBLE": 0.0, "INT": 0, "BIGINT": 0, "BOOLEAN": False,
    "TIMESTAMP": PUBLISHED, "TIMESTAMP_NTZ": datetime(2026, 10, 28, 9), "ARRAY<STRING>": [],
}  # fmt: skip


def write(home: Path, contract: TableContract, rows: Sequence[dict[str, Any]]) -> None:
    """Append rows to a table; what a row does not give is null, or blank where it may not be."""
    blank = blanks(contract)
    unknown = {name for row in rows for name in row} - set(blank)
    assert not unknown, f"{contract.name} has no {unknown}"
    table = pa.Table.from_pylist([blank | row for row in rows], schema=schema_of(contract))
    write_deltalake(path_of(home, contract), table, mode="append")


def schema_of(contract: TableContract) -> pa.Schema:
    """A table's columns, those of nested types left out."""
    return pa.schema(
        [
            pa.field(each.name, TYPES[each.type], nullable=each.nullable)
            for each in contract.columns
            if each.type in TYPES
        ]
    )


def blanks(contract: TableContract) -> dict[str, Any]:
    """What stands in a column that is not given: null, or blank where null may not be."""
    return {
        each.name: None if each.nullable else BLANK[each.type]
        for each in contract.columns
        if each.type in TYPES
    }


def path_of(home: Path, contract: TableContract) -> str:
    """Where a table is."""
    return str(home / "lakehouse" / contract.name.replace(".", "/"))


def make(home: Path) -> Path:
    """Write every table that the dashboard reads but ops.alerts; returns the home."""
    days = [FIRST + timedelta(days=each) for each in range((LAST - FIRST).days + 1)]
    write(home, DAILY_COUNTS, [row for day in days for row in _counts(day)])
    write(home, SERIES, _series())
    write(home, BATCHES, [_batch(day) for day in days[-9:]])
    write(home, FORECASTS, [row for day in days[20:-1] for row in _forecasts(day)])
    write(home, ANOMALIES, [row for day in days[21:-1] for row in _verdicts(day)])
    write(home, EPISODES, _episodes())
    write(home, SERVING, [{"partition": day + timedelta(days=1), "as_of": day, "action": "carried"}
                          for day in days[20:-1]])  # fmt: skip
    write(home, silver_requests(NEW_YORK), [_request(number) for number in range(60)])
    write(home, MODEL_VERSIONS, _trainings())
    write(home, RUNS, [row for day in days[-10:-1] for row in _runs(day)])
    write(home, CHECKS, _checks())
    return home


def widen(home: Path) -> Path:
    """Add the series and forecasts of boroughs and agencies, and requests with their boards."""
    for kind, borough, agency, level in LEAVES:
        named = {f"borough: {borough}": {"level": "borough", "borough": borough},
                 f"agency: {agency}": {"level": "agency", "agency": agency}}  # fmt: skip
        common = {"tier": "30-100", "first_day": FIRST, "last_day": NEWEST, "is_active": True}
        write(home, SERIES, [common | {"series": name, "volume": float(level)} | more
                             for name, more in named.items()])  # fmt: skip
        write(home, FORECASTS, [
            {"as_of": as_of, "series": name, "ds": as_of + timedelta(days=ahead), "horizon": ahead,
             "yhat": float(usual), "lo80": usual * 0.9, "hi80": usual * 1.1,
             "lo95": usual * 0.8, "hi95": usual * 1.2, "model": "level_profile"}
            for name in named
            for as_of in (NEWEST - timedelta(days=7 * week) for week in range(5))
            for ahead in range(1, 31)
            for usual in [requests_of(f"type: {kind}", as_of + timedelta(days=ahead - 7))]
        ])  # fmt: skip
    boards = {"03 BROOKLYN": (30, 20), "12 QUEENS": (10, 10), "55 BROOKLYN": (2, 0)}
    write(home, silver_requests(NEW_YORK), [
        _request(1000) | {"unique_key": f"{board} {day} {number}", "community_board": board,
                          "request_date": day, "complaint_type": "Heat"}
        for board, (now, before) in boards.items()
        for week in range(5)
        for day in [NEWEST - timedelta(weeks=week)]
        for number in range(before if week else now)
    ])  # fmt: skip
    return home


def requests_of(name: str, day: date) -> int:
    """The requests of a series on a day: level, weekday, and an event of Rodent at the end."""
    own = {leaf[0]: leaf[3] + 3 * day.weekday() for leaf in LEAVES}
    if day >= NEWEST - timedelta(days=3):
        own["Rodent"] += 60
    if day == LAST:
        own = {each: count // 4 for each, count in own.items()}
    return (
        sum(own.values())
        if name == "city"
        else own[name.split("type: ")[1].split(" | ", maxsplit=1)[0]]
    )


def _counts(day: date) -> list[dict[str, Any]]:
    return [
        {
            "request_date": day,
            "complaint_type": kind,
            "borough": borough,
            "agency": agency,
            "requests": requests_of(f"type: {kind}", day),
            "is_complete": day <= NEWEST,
            "is_final": day <= FINAL,
            "holiday": "Columbus Day" if day == date(2026, 10, 12) else None,
        }
        for kind, borough, agency, _ in LEAVES
    ]


def _series() -> list[dict[str, Any]]:
    common = {"tier": "30-100", "first_day": FIRST, "last_day": NEWEST, "is_active": True}
    rows: list[dict[str, Any]] = [{"series": "city", "level": "city", "volume": 150.0}]
    for kind, borough, _, volume in LEAVES:
        rows += [
            {"series": f"type: {kind}", "level": "type", "complaint_type": kind, "volume": volume},
            {
                "series": f"type: {kind} | borough: {borough}",
                "level": "type_borough",
                "complaint_type": kind,
                "borough": borough,
                "volume": volume,
            },
        ]
    return [common | row | {"volume": float(row["volume"])} for row in rows]


def _names() -> list[str]:
    return [each["series"] for each in _series()]


def _forecasts(as_of: date) -> list[dict[str, Any]]:
    return [
        {
            "as_of": as_of,
            "series": name,
            "ds": as_of + timedelta(days=horizon),
            "horizon": horizon,
            "yhat": float(level),
            "lo80": level * 0.8,
            "hi80": level * 1.2,
            "lo95": level * 0.7,
            "hi95": level * 1.3,
            "model": "level_profile",
        }
        for name in _names()
        for level in [150 if name == "city" else 40 if "Rodent" in name else 100]
        for horizon in range(1, 31)
    ]


def _verdicts(day: date) -> list[dict[str, Any]]:
    rows = []
    for name in _names():
        level = 150 if name == "city" else 40 if "Rodent" in name else 100
        actual = requests_of(name, day)
        flagged = name == RODENT and day >= NEWEST - timedelta(days=3)
        rows.append(
            {
                "series": name,
                "ds": day,
                "actual": float(actual),
                "as_of": day - timedelta(days=1),
                "yhat": float(level),
                "lo95": level * 0.7,
                "hi95": level * 1.3,
                # One day's were judged before these columns were kept.
                "lo80": None if day == UNKEPT else level * 0.8,
                "hi80": None if day == UNKEPT else level * 1.2,
                "model": None if day == UNKEPT else "level_profile",
                "z": 1.0,
                "is_anomaly": actual > level * 1.3,
                "flagged": flagged,
                "confirmed": flagged and day >= NEWEST,
                "tier": "confirmed" if flagged and day >= NEWEST else "watch" if flagged else "",
                "is_final": day <= FINAL,
            }
        )
    return rows


def _episodes() -> list[dict[str, Any]]:
    contributors = [
        {"kind": "descriptor", "name": "Rat Sighting", "excess": 40.0, "share": 0.67},
        {"kind": "series", "name": RODENT, "excess": 20.0, "share": 0.33},
    ]
    return [
        episode(CONFIRMED, RODENT, NEWEST - timedelta(days=3), NEWEST, excess=212.0)
        | {"tier": "confirmed", "severity": 30.0, "contributors": json.dumps(contributors)},
        episode(WATCH, NOISE, NEWEST, NEWEST, excess=140.0),
        episode(CLOSED, NOISE, NEWEST - timedelta(days=9), NEWEST - timedelta(days=7), excess=99.0)
        | {"state": "closed"},
    ]


def episode(name: str, series: str, start: date, end: date, *, excess: float) -> dict[str, Any]:
    """A row of ml.episodes."""
    return {
        "id": name,
        "series": series,
        "direction": 1,
        "start": start,
        "peak": end,
        "end": end,
        "days": (end - start).days + 1,
        "excess": excess,
        "expected": 150.0,
        "severity": 10.0,
        "tier": "watch",
        "reasons": "spike",
        "longest_run": 1,
        "peak_actual": 120.0,
        "peak_expected": 40.0,
        "state": "open",
        "judged_through": NEWEST,
    }


def _batch(day: date) -> dict[str, Any]:
    return {
        "batch_id": "b",
        "ingestion_date": LAST,
        "request_date": day,
        "dataset_version": PUBLISHED,
        "is_reconciled": True,
    }


def run(asset: str, day: date, ended: datetime, **more: object) -> dict[str, Any]:
    """A row of ops.runs: a step of one day that took a minute."""
    return {
        "run_id": f"{asset}-{day}-{ended:%H%M}",
        "asset": asset,
        "first_partition": day,
        "last_partition": day,
        "partitions": 1,
        "attempt": 1,
        "state": "SUCCESS",
        "submitted_at": ended - timedelta(minutes=1),
        "ended_at": ended,
        "execution_seconds": 60.0,
        "cost_usd": 0.05,
        "would_cost_usd": 0.05,
        "cost_parts": "{}",
    } | more


def _runs(day: date) -> list[dict[str, Any]]:
    """The six steps of a day, from 03:10 of the next; one day lacks its anomalies at first."""
    ended = datetime(day.year, day.month, day.day, 7, 10, tzinfo=UTC) + timedelta(days=1)
    rows = [run(step, day, ended + timedelta(minutes=index)) for index, step in enumerate(STEPS)]
    if day == BROKEN:
        rows[-1] |= {"state": "FAILED", "error": "out of memory"}
    return rows


def _checks() -> list[dict[str, Any]]:
    common = {"severity": "WARN", "description": "As usual.", "owner": "data", "figures": "{}"}
    at = PUBLISHED
    return [
        common | {"asset": asset, "check": check, "partition": NEWEST, "passed": passed,
                  "severity": severity, "evaluated_at": at + timedelta(hours=later),
                  "run_id": f"{asset} {later}"} | more
        for asset, check, passed, severity, later, more in (
            ("raw_311", "rows_reconciled", False, "ERROR", 0, {}),
            ("raw_311", "rows_reconciled", True, "ERROR", 1, {}),
            ("raw_311", "volume_as_usual", False, "WARN", 1, {}),
            ("gold_daily_counts", "adds_up", False, "ERROR", 1, {}),
            ("prophet_model", "errors_not_drifting", False, "WARN", 1,
             {"figures": json.dumps({"ratio": 1.7})}),
        )
    ]  # fmt: skip


def _trainings() -> list[dict[str, Any]]:
    newest = {"trained_on": NEWEST - timedelta(days=2), "model_version": "8", "series": 5}
    return [
        newest | {"promoted": False, "reason": "the incumbent is better"},
        newest
        | {
            "trained_on": NEWEST - timedelta(days=9),
            "model_version": "7",
            "promoted": True,
            "failed": 1,
            "reason": "beats the baselines",
        },
    ]


def _request(number: int) -> dict[str, Any]:
    return {
        "unique_key": f"{number:03d}",
        "request_date": NEWEST,
        "complaint_type": "Rodent",
        "borough": "BRONX",
        "agency": "DOHMH",
        "descriptor": "Rat Sighting",
        "incident_address": "1 SECRET STREET",
        "status": "Open",
        "is_current": number != 0,
    }
