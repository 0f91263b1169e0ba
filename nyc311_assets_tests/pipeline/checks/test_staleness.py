from __future__ import annotations

import csv
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from nyc311_assets.pipeline.checks.staleness import check_not_stale, publication_due
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.pulls import PulledDay

REACH = datetime(2026, 5, 10, 2, 5)


def pulled(reach: datetime | None, day: date = date(2026, 5, 9)) -> list[PulledDay]:
    return [PulledDay(day, 9000, 9000, day, reach)]


def local(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 5, day, hour, minute, tzinfo=NEW_YORK.time_zone)


@pytest.mark.parametrize(
    ("at", "passed"),
    [
        (local(11, 3), True),
        (local(11, 21, 30), True),
        (local(11, 23), True),
        (local(12, 3), False),
        (local(14, 12), False),
    ],
)
def test_a_publication_is_missing_only_when_it_was_due(at: datetime, passed: bool) -> None:
    """The source reached into May 10 with the publication of that evening."""
    assert check_not_stale(NEW_YORK, pulled(REACH), at, "official").passed is passed


def test_of_the_real_pulls_only_the_one_that_missed_a_publication_is_stale(
    real_data: Path,
) -> None:
    index = real_data / "rows" / "weekly_snapshots_2026" / "INDEX.csv"
    verdicts = {}
    with index.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            taken = datetime.fromisoformat(row["committed"]).astimezone(UTC)
            newest = datetime.fromisoformat(row["max"])
            verdicts[row["file"][9:19]] = check_not_stale(
                NEW_YORK, pulled(newest), taken, "official"
            )
    assert [day for day, verdict in verdicts.items() if not verdict.passed] == ["2026-05-23"]
    assert verdicts["2026-05-23"].figures["hours_old"] == pytest.approx(53.1, abs=0.1)
    assert verdicts["2026-05-10"].figures["hours_old"] == pytest.approx(29.0, abs=0.1)


def test_the_hour_of_publication_is_local_on_both_sides_of_a_clock_change() -> None:
    for day in (date(2026, 3, 7), date(2026, 3, 8), date(2026, 11, 1)):
        due = publication_due(
            NEW_YORK,
            datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC)
            + timedelta(hours=8),
        )
        assert due.replace(tzinfo=None) == datetime.combine(day, NEW_YORK.publication_time)


def test_a_dataset_that_is_no_longer_written_is_not_stale() -> None:
    old = pulled(datetime(2019, 12, 31, 23, 59), date(2019, 12, 30))
    verdict = check_not_stale(NEW_YORK, old, local(14, 12), "official")
    assert verdict.passed
    assert verdict.figures == {"not_judged": "no dataset that is still written"}


def test_rows_of_files_are_as_old_as_the_files() -> None:
    verdict = check_not_stale(NEW_YORK, pulled(REACH), local(14, 12), "files")
    assert verdict.passed
    assert verdict.figures == {"not_judged": "rows of files"}
