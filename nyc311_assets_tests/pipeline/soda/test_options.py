"""What a Spark read is told, and how its days are dealt out."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.soda import DatasetVersion, RequestDay, request_days, soda_options
from nyc311_assets.pipeline.soda.options import SodaOptions

URL = "https://data.example.org"
SECRET = "s3cr3t-app-token"
FIRST = date(2019, 12, 30)
DATES = [FIRST + timedelta(days=n) for n in range(4)]
VERSIONS = {
    dataset.dataset_id: DatasetVersion(
        dataset.dataset_id,
        "311 Ñ",
        datetime(2026, 2, 19, 2, 39, 36, tzinfo=UTC),
        ("unique_key", "created_date"),
        "official",
        {"unique_key": "text", "created_date": "floating_timestamp"},
    )
    for dataset in NEW_YORK.datasets
}


def options(**changes: Any) -> dict[str, str]:
    return soda_options(
        NEW_YORK, **({"url": URL, "request_dates": DATES, "versions": VERSIONS} | changes)
    )


def test_the_options_survive_the_way_through_spark() -> None:
    written = SodaOptions(
        url=URL,
        app_token=SECRET,
        days=request_days(NEW_YORK, DATES),
        versions=VERSIONS,
        page_size=1000,
        parallel_requests=3,
        cache_path=Path("/volume/cache"),
        cache_source="synthetic, seed 311",
        progress_path=Path("/volume/progress"),
        rows_per_day={DATES[0]: 7},
    )

    assert SodaOptions.from_spark(written.to_spark()) == written


def test_only_the_source_and_the_days_must_be_named() -> None:
    read = SodaOptions.from_spark(options())

    assert (read.app_token, read.cache_path, read.progress_path) == (None, None, None)
    assert (read.page_size, read.parallel_requests) == (50_000, 4)


def test_every_day_comes_once_with_the_dataset_that_holds_it() -> None:
    assert request_days(NEW_YORK, [*reversed(DATES), *DATES]) == (
        RequestDay(date(2019, 12, 30), "76ig-c548"),
        RequestDay(date(2019, 12, 31), "76ig-c548"),
        RequestDay(date(2020, 1, 1), "erm2-nwe9"),
        RequestDay(date(2020, 1, 2), "erm2-nwe9"),
    )


def test_the_token_is_an_option_that_spark_hides_and_no_text_shows() -> None:
    written = options(app_token=SECRET)

    assert [name for name, value in written.items() if SECRET in value] == ["app_token"]
    assert SECRET not in repr(SodaOptions.from_spark(written))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"request_dates": []}, "at least one request day"),
        ({"request_dates": [date(2009, 12, 31)]}, "no dataset for requests of 2009-12-31"),
        ({"versions": {}}, "version of dataset 76ig-c548, erm2-nwe9"),
        ({"parallel_requests": 0}, "at least 1"),
        ({"page_size": 0}, "at least 1"),
    ],
)
def test_options_that_cannot_work_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        options(**changes)


def test_a_missing_option_is_named() -> None:
    with pytest.raises(ValueError, match="needs the option request_dates, versions"):
        SodaOptions.from_spark({"url": URL, "datasets": "erm2-nwe9"})


@given(
    rows=st.lists(st.integers(min_value=0, max_value=20_000), min_size=1, max_size=40),
    parallel_requests=st.integers(min_value=1, max_value=16),
)
def test_every_day_is_dealt_once_and_no_task_is_idle_or_overloaded(
    rows: list[int], parallel_requests: int
) -> None:
    days = request_days(NEW_YORK, [date(2026, 1, 1) + timedelta(days=n) for n in range(len(rows))])
    counts = {day.request_date: count for day, count in zip(days, rows, strict=True)}
    read = SodaOptions(
        url=URL,
        days=days,
        versions=VERSIONS,
        parallel_requests=parallel_requests,
        rows_per_day=counts,
    )

    shares = read.shares()

    assert len(shares) == min(parallel_requests, len(days))
    assert all(shares)
    assert Counter(day for share in shares for day in share) == Counter(days)
    loads = [sum(max(1, counts[day.request_date]) for day in share) for share in shares]
    assert max(loads) - min(loads) <= max(1, *rows, 1)


def test_without_counts_every_task_gets_as_many_days_as_the_others() -> None:
    days = request_days(NEW_YORK, [date(2026, 1, 1) + timedelta(days=n) for n in range(10)])

    shares = SodaOptions(url=URL, days=days, versions=VERSIONS, parallel_requests=4).shares()

    assert sorted(len(share) for share in shares) == [2, 2, 3, 3]
