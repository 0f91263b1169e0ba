"""Three years of 1,200 series, made up, in the tables that the dashboard reads."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from deltalake import WriterProperties, write_deltalake

from nyc311_assets.pipeline.contracts import (
    ANOMALIES,
    DAILY_COUNTS,
    EPISODES,
    FORECASTS,
    SERIES,
    SERVING,
    TableContract,
)
from nyc311_assets_tests.dashboard.lakehouses import (
    NEWEST,
    blanks,
    episode,
    make,
    path_of,
    schema_of,
    write,
)

DAYS = 3 * 365
LEAVES = 500
SERIES_COUNT = 1_200
HORIZONS = 30
BOROUGHS = ("BRONX", "BROOKLYN", "MANHATTAN", "QUEENS", "STATEN ISLAND", "Unspecified")
AGENCIES = tuple(f"AG{number:02d}" for number in range(15))
TYPES_COUNT = 180
EPISODES_COUNT = 400
# As weekly maintenance leaves them: whole months, and a file for each day since.
_SINGLE_DAYS = 7

Columns = Mapping[str, Any]


def make_wide(home: Path, seed: int = 311) -> Path:
    """Write them beside the small lakehouse's tables, which stand for those that do not grow."""
    make(home)
    for contract in (DAILY_COUNTS, FORECASTS, ANOMALIES, EPISODES, SERIES, SERVING):
        _empty(home, contract)
    random = np.random.default_rng(seed)
    first = NEWEST - timedelta(days=DAYS - 1)
    leaves = _leaves()
    named = _series(leaves, first)
    write(home, SERIES, named)
    names = np.array([each["series"] for each in named])
    levels = np.array([each["volume"] for each in named])
    write(
        home,
        SERVING,
        [
            {"partition": first + timedelta(days=day), "as_of": first + timedelta(days=day - 1),
             "action": "carried"}
            for day in range(1, DAYS + 1)
        ],
    )  # fmt: skip
    for days in _spans(first):
        _write(home, DAILY_COUNTS, _counts(days, leaves, random))
        _write(home, FORECASTS, _forecasts(days, names, levels))
        _write(home, ANOMALIES, _verdicts(days, names, levels, random))
    starts = random.integers(0, DAYS - 5, EPISODES_COUNT)
    write(
        home,
        EPISODES,
        [
            _episode(number, str(names[number % 300]), first + timedelta(days=int(start)))
            for number, start in enumerate(starts)
        ],
    )
    return home


def _spans(first: date) -> Iterator[list[date]]:
    days = [first + timedelta(days=each) for each in range(DAYS)]
    old, new = days[:-_SINGLE_DAYS], days[-_SINGLE_DAYS:]
    for _, month in itertools.groupby(old, key=lambda day: (day.year, day.month)):
        yield list(month)
    for day in new:
        yield [day]


def _leaves() -> list[tuple[str, str, str, float]]:
    """(type, borough, agency, usual requests a day)."""
    return [
        (
            f"Type {number % TYPES_COUNT:03d}",
            BOROUGHS[number % len(BOROUGHS)],
            AGENCIES[number % TYPES_COUNT % len(AGENCIES)],
            2000.0 / (number + 10),
        )
        for number in range(LEAVES)
    ]


def _series(leaves: list[tuple[str, str, str, float]], first: date) -> list[dict[str, Any]]:
    common = {"tier": "30-100", "first_day": first, "last_day": NEWEST, "is_active": True}
    whole = sum(leaf[3] for leaf in leaves)
    rows: list[dict[str, Any]] = [{"series": "city", "level": "city", "volume": whole}]
    rows += [
        {"series": f"borough: {each}", "level": "borough", "borough": each, "volume": whole / 6}
        for each in BOROUGHS
    ]
    rows += [
        {"series": f"agency: {each}", "level": "agency", "agency": each, "volume": whole / 15}
        for each in AGENCIES
    ]
    kinds = sorted({leaf[0] for leaf in leaves})
    rows += [
        {"series": f"type: {each}", "level": "type", "complaint_type": each, "volume": 20.0}
        for each in kinds
    ]
    rows += [
        {
            "series": f"type: {kind} | borough: {borough}",
            "level": "type_borough",
            "complaint_type": kind,
            "borough": borough,
            "volume": volume,
        }
        for kind, borough, _, volume in leaves
    ]
    rows += [
        {
            "series": f"type: {kind} | borough: {borough} | agency: {agency}",
            "level": "leaf",
            "complaint_type": kind,
            "borough": borough,
            "agency": agency,
            "volume": volume,
        }
        for kind, borough, agency, volume in leaves
    ]
    return [common | row for row in rows[:SERIES_COUNT]]


def _counts(
    days: list[date], leaves: list[tuple[str, str, str, float]], random: np.random.Generator
) -> Columns:
    columns = list(zip(*leaves, strict=True))
    usual = np.array(columns[3])
    return {
        "request_date": np.repeat(np.array(days, dtype="datetime64[D]"), len(leaves)),
        "complaint_type": list(columns[0]) * len(days),
        "borough": list(columns[1]) * len(days),
        "agency": list(columns[2]) * len(days),
        "requests": random.poisson(np.tile(usual, len(days))),
        "is_complete": np.ones(len(days) * len(leaves), dtype=bool),
        "is_final": np.ones(len(days) * len(leaves), dtype=bool),
    }


def _forecasts(days: list[date], names: npt.NDArray[Any], levels: npt.NDArray[Any]) -> Columns:
    issued = np.repeat(np.array(days, dtype="datetime64[D]"), len(names) * HORIZONS)
    horizon = np.tile(np.arange(1, HORIZONS + 1, dtype="int32"), len(days) * len(names))
    level = np.tile(np.repeat(levels, HORIZONS), len(days))
    spread = np.sqrt(level) * (1 + horizon / 60)
    return {
        "as_of": issued,
        "series": pa.array(np.tile(np.repeat(names, HORIZONS), len(days))),
        "ds": issued + horizon.astype("timedelta64[D]"),
        "horizon": horizon,
        "yhat": level,
        "lo80": level - 1.3 * spread,
        "hi80": level + 1.3 * spread,
        "lo95": level - 2 * spread,
        "hi95": level + 2 * spread,
        "model": pa.DictionaryArray.from_arrays(
            np.zeros(len(level), dtype="int32"), ["level_profile"]
        ).cast(pa.string()),
    }


def _verdicts(
    days: list[date],
    names: npt.NDArray[Any],
    levels: npt.NDArray[Any],
    random: np.random.Generator,
) -> Columns:
    ds = np.repeat(np.array(days, dtype="datetime64[D]"), len(names))
    level = np.tile(levels, len(days))
    actual = random.poisson(level).astype(float)
    high = level + 2 * np.sqrt(level)
    return {
        "series": pa.array(np.tile(names, len(days))),
        "ds": ds,
        "actual": actual,
        "as_of": ds - np.timedelta64(1, "D"),
        "yhat": level,
        "lo95": level - 2 * np.sqrt(level),
        "hi95": high,
        "lo80": level - np.sqrt(level),
        "hi80": level + np.sqrt(level),
        "z": (actual - level) / np.sqrt(level),
        "is_anomaly": actual > high,
        "flagged": actual > high + np.sqrt(level),
        "is_final": np.ones(len(level), dtype=bool),
    }


def _episode(number: int, series: str, start: date) -> dict[str, Any]:
    end = min(start + timedelta(days=number % 5), NEWEST)
    # The queue of a bad morning: every tenth is still open.
    start = NEWEST - timedelta(days=number // 10 % 5) if number % 10 == 0 else start
    end = NEWEST if number % 10 == 0 else end
    return episode(f"{number:016x}", series, start, end, excess=100.0 + number) | {
        "state": "open" if end == NEWEST else "closed",
        "tier": "confirmed" if (end - start).days > 1 else "watch",
        "severity": 5.0 + number / 10,
    }


def _empty(home: Path, contract: TableContract) -> None:
    """A table without rows in the place of the small one."""
    write_deltalake(path_of(home, contract), schema_of(contract).empty_table(), mode="overwrite")


def _write(home: Path, contract: TableContract, columns: Columns) -> None:
    rows = len(next(iter(columns.values())))
    schema, blank = schema_of(contract), blanks(contract)
    arrays = [
        (
            pa.array(columns[field.name]).cast(field.type)
            if field.name in columns
            else pa.repeat(pa.scalar(blank[field.name], field.type), rows)
        )
        for field in schema
    ]
    write_deltalake(
        path_of(home, contract),
        pa.Table.from_arrays(arrays, schema=schema),
        mode="append",
        writer_properties=WriterProperties(compression="SNAPPY", max_row_group_size=128 * 1024),
    )
