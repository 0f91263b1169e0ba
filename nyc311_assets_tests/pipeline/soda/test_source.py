"""The Spark data source, read as a Spark worker reads it."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.serializers import CloudPickleSerializer
from pyspark.sql.datasource import InputPartition
from pyspark.sql.types import StructType

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.soda import (
    SodaClient,
    SourceMovedError,
    fetched_days,
    is_source_moved,
    soda_options,
)
from nyc311_assets.pipeline.soda.source import SodaDataSource, SodaPartition, SodaReader
from nyc311_assets_tests.pipeline.soda.portal import Dataset, Portal, requests_of

DAYS = (date(2019, 12, 31), date(2020, 1, 1), date(2020, 1, 2))
COUNTED = dict(zip(DAYS, (2, 0, 6_001), strict=True))
Connect = Callable[..., SodaClient]


@pytest.fixture
def options(portal: Portal, connect: Connect, tmp_path: Path) -> dict[str, str]:
    """Two datasets: two rows on the first day, none on the second, 6,001 on the third."""
    portal.datasets = {
        "76ig-c548": Dataset(requests_of(DAYS[0], ["01:00:00.000", "23:59:59.000"])),
        "erm2-nwe9": Dataset(requests_of(DAYS[2], ["12:00:00.000"] * 6_001, first_key=10)),
    }
    client = connect()
    return soda_options(
        NEW_YORK,
        url=portal.url,
        request_dates=DAYS,
        versions={dataset_id: client.dataset_version(dataset_id) for dataset_id in portal.datasets},
        parallel_requests=2,
        progress_path=tmp_path / "progress",
    )


def batches_of(options: dict[str, str]) -> list[pa.RecordBatch]:
    """What all tasks yield, each with its own unpickled reader, as in Spark."""
    reader = SodaDataSource(options).reader(StructType())
    partitions = reader.partitions()
    batches: list[pa.RecordBatch] = []
    for partition in partitions:
        task: tuple[SodaReader, SodaPartition] = pickle.loads(  # noqa: S301  (pickled above)
            pickle.dumps((reader, partition))
        )
        batches.extend(task[0].read(task[1]))
    return batches


def test_every_row_comes_with_its_day_dataset_and_page(options: dict[str, str]) -> None:
    rows = pa.Table.from_batches(batches_of(options)).sort_by("request_date").to_pylist()

    assert len(rows) == 6_003
    assert {(row["request_date"], row["dataset_id"]) for row in rows} == {
        (DAYS[0], "76ig-c548"),
        (DAYS[2], "erm2-nwe9"),
    }
    assert rows[0]["source_row_id"] == "row-999998~zz"
    assert rows[0]["source_updated_at"] == datetime(2026, 2, 19, 2, 39, 36, 123_000, UTC)
    assert len({row["page_sha256"] for row in rows}) == 2
    assert json.loads(rows[0]["payload"])["unique_key"] == "1"


def test_a_day_that_the_source_counts_as_empty_is_not_asked_for(
    portal: Portal, options: dict[str, str]
) -> None:
    counted = options | {"rows_per_day": json.dumps({str(day): n for day, n in COUNTED.items()})}
    reader = SodaDataSource(counted).reader(StructType())

    rows = [batch.num_rows for task in reader.partitions() for batch in reader.read(task)]

    assert sum(rows) == sum(COUNTED.values())
    asked = {request.parameters["$where"][17:27] for request in portal.page_requests}
    assert asked == {str(day) for day, count in COUNTED.items() if count}


def test_batches_have_the_columns_of_the_schema_and_some_thousand_rows(
    options: dict[str, str],
) -> None:
    declared = [column.split()[0] for column in SodaDataSource(options).schema().split(", ")]

    batches = batches_of(options)

    assert all(batch.schema.names == declared for batch in batches)
    assert sorted(batch.num_rows for batch in batches) == [2, 1_001, 5_000]


def test_there_are_no_more_tasks_than_parallel_requests(options: dict[str, str]) -> None:
    partitions = SodaDataSource(options).reader(StructType()).partitions()

    assert len(partitions) == 2
    days = [day.request_date for partition in partitions for day in partition.days]
    assert sorted(days) == list(DAYS)


def test_finished_days_can_be_counted_while_others_are_read(
    options: dict[str, str], tmp_path: Path
) -> None:
    progress_path = tmp_path / "progress"
    reader = SodaDataSource(options | {"parallel_requests": "1"}).reader(StructType())
    (partition,) = reader.partitions()
    assert fetched_days(progress_path) == 0

    rows = reader.read(partition)
    next(rows)
    next(rows)
    assert fetched_days(progress_path) == 2

    assert sum(batch.num_rows for batch in rows) == 1_001
    assert fetched_days(progress_path) == 3


def test_a_dataset_published_again_stops_the_read(portal: Portal, options: dict[str, str]) -> None:
    portal.datasets["erm2-nwe9"].published_at += 3600

    with pytest.raises(SourceMovedError, match="erm2-nwe9"):
        batches_of(options)


def test_a_moved_source_is_recognised_in_what_spark_makes_of_it() -> None:
    text = "Traceback ...\nnyc311_assets.pipeline.soda.errors.SourceMovedError: Dataset x"

    assert is_source_moved(SourceMovedError("Dataset x"))
    assert is_source_moved(RuntimeError(text))
    wrapped = RuntimeError("the pull failed")
    wrapped.__cause__ = SourceMovedError("Dataset x")
    assert is_source_moved(wrapped)
    assert not is_source_moved(RuntimeError("another failure"))


def test_workers_import_the_data_source_instead_of_receiving_its_code() -> None:
    serializer = CloudPickleSerializer()  # type: ignore[no-untyped-call]  # pyspark has no types here
    pickled = serializer.dumps(SodaDataSource)  # type: ignore[no-untyped-call]

    assert b"nyc311_assets.pipeline.soda.source" in pickled
    assert len(pickled) < 200


def test_a_foreign_partition_is_refused(options: dict[str, str]) -> None:
    reader = SodaDataSource(options).reader(StructType())

    with pytest.raises(TypeError, match="cannot read a InputPartition"):
        next(reader.read(InputPartition(1)))
