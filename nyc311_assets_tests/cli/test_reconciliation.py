from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
from deltalake import write_deltalake

from nyc311_assets.cli.reconciliation import day_lines

FIRST = date(2026, 3, 1)
AT = datetime(2026, 3, 9, tzinfo=UTC)


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def write(lakehouse: Path, name: str, columns: Mapping[str, Sequence[object]]) -> None:
    write_deltalake(str(lakehouse / name.replace(".", "/")), pa.table(dict(columns)))


def test_each_pulled_day_has_a_line_also_one_that_does_not_add_up_or_is_not_in_silver(
    tmp_path: Path,
) -> None:
    days = [day(number) for number in range(3)]
    write(
        tmp_path,
        "silver.days",
        {
            "request_date": days,
            "rows_at_source": [6, 5, 4],
            "rows_in_bronze": [6, 5, 3],
            "rejects": [1, 0, 0],
            "duplicates": [2, 0, 0],
        },
    )
    # Of the second day one request is lost, another is not current.
    requests = (
        [(day(0), True)] * 3 + [(day(1), True)] * 4 + [(day(1), False)] + [(day(2), True)] * 3
    )
    write(
        tmp_path,
        "silver.requests",
        {
            "request_date": [each for each, _ in requests],
            "is_current": [is_current for _, is_current in requests],
        },
    )
    pulls = [
        *((each, "b1", AT, 6, 6, None) for each in days),
        (day(3), "b1", AT, 9, 9, None),
        (day(3), "b2", AT + timedelta(days=1), 9, 8, None),
        (day(4), "b1", AT, 7, 7, "not_doubled: twice as many"),
        (day(5), "b1", AT, 0, 0, None),
        (day(6), "b1", AT, 2, 2, None),
    ]
    names = ("request_date", "batch_id", "ingested_at", "rows_expected", "rows_landed", "held_back")
    write(
        tmp_path,
        "bronze.batches",
        dict(zip(names, ([*values] for values in zip(*pulls, strict=True)), strict=True)),
    )
    lines = day_lines(tmp_path)
    nothing = "silver 0 + rejects 0 + duplicates 0"
    assert [str(line).split("  ")[1] for line in lines] == [
        "source 6 = bronze 6 = silver 3 + rejects 1 + duplicates 2",
        "source 5 = bronze 5 ≠ silver 4 + rejects 0 + duplicates 0",
        "source 4 ≠ bronze 3 = silver 3 + rejects 0 + duplicates 0",
        f"source 9 ≠ bronze 8 ≠ {nothing}: kept out until a pull brings what is counted",
        f"source 7 = bronze 7 ≠ {nothing}: held back, not_doubled: twice as many",
        f"source 0 = bronze 0 = {nothing}: the source has no row of it",
        f"source 2 = bronze 2 ≠ {nothing}: not merged yet",
    ]
    assert [line.request_date for line in lines] == [day(number) for number in range(7)]
    assert [line.adds_up for line in lines] == [True, False, False, False, False, True, False]


def test_a_lakehouse_without_silver_has_no_lines(tmp_path: Path) -> None:
    assert day_lines(tmp_path) == ()
