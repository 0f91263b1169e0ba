"""The Spark data source `soda`: request days of a SODA source as rows of raw JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition
from pyspark.sql.types import StructType

from nyc311_assets.pipeline.soda.options import RequestDay, SodaOptions, soda_options
from nyc311_assets.pipeline.soda.page import ROWS_SCHEMA, Page
from nyc311_assets.pipeline.soda.progress import fetched_days, mark_fetched

__all__ = [
    "SODA_SCHEMA",
    "SodaDataSource",
    "SodaPartition",
    "SodaReader",
    "fetched_days",
    "soda_options",
]

SODA_SCHEMA = (
    "request_date DATE, dataset_id STRING, source_row_id STRING, source_updated_at TIMESTAMP, "
    "payload STRING, page_sha256 STRING"
)
_ARROW_SCHEMA = pa.schema(
    [
        pa.field("request_date", pa.date32()),
        pa.field("dataset_id", pa.string()),
        *(field.with_nullable(True) for field in ROWS_SCHEMA),
        pa.field("page_sha256", pa.string()),
    ]
)
_BATCH_ROWS = 5_000


class SodaDataSource(DataSource):
    """Reads request days of a SODA source.

    Register it with `spark.dataSource.register(SodaDataSource)` and read with
    `spark.read.format("soda").options(**soda_options(...)).load()`.

    Rows: request_date (local calendar day), dataset_id, source_row_id (`:id`), source_updated_at
    (`:updated_at`), payload (the row's JSON text as sent, without system fields), page_sha256 (of
    the answer that the row came in).

    A read fails with SourceMovedError when a dataset is published again meanwhile, so that it
    never mixes two versions.
    """

    @classmethod
    def name(cls) -> str:
        """The name of the format."""
        return "soda"

    def schema(self) -> str:
        """The columns, as DDL."""
        return SODA_SCHEMA

    def reader(self, schema: StructType) -> SodaReader:  # noqa: ARG002  (it has one schema)
        """The reader of the days that the options name."""
        return SodaReader(SodaOptions.from_spark(self.options))


class SodaPartition(InputPartition):
    """The request days of one task."""

    def __init__(self, days: tuple[RequestDay, ...]) -> None:
        super().__init__(days)
        self.days = days


class SodaReader(DataSourceReader):
    """Deals the request days out to tasks, and reads those of one task, one after the other."""

    def __init__(self, options: SodaOptions) -> None:
        self._options = options

    def partitions(self) -> Sequence[SodaPartition]:
        """At most as many tasks as there may be requests to the source at one time."""
        return [SodaPartition(days) for days in self._options.shares()]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """The rows of a task's days, in batches of some thousand.

        Raises:
            SodaError: The source refuses, does not answer, answers wrongly, or moved.
        """
        if not isinstance(partition, SodaPartition):
            raise TypeError(f"The soda data source cannot read a {type(partition).__name__}.")
        options = self._options
        with options.client() as client:
            for day in partition.days:
                expected_rows = options.rows_per_day.get(day.request_date)
                # A sparse history has more empty days than others.
                if expected_rows != 0:
                    pages = client.pages(
                        day.dataset_id,
                        day.request_date,
                        options.versions[day.dataset_id],
                        expected_rows=expected_rows,
                    )
                    for page in pages:
                        yield from _batches(day, page)
                if options.progress_path is not None:
                    mark_fetched(options.progress_path, day.request_date)


def _batches(day: RequestDay, page: Page) -> Iterator[pa.RecordBatch]:
    rows = page.row_count
    whole = pa.RecordBatch.from_arrays(
        [
            pa.repeat(pa.scalar(day.request_date, pa.date32()), rows),
            pa.repeat(pa.scalar(day.dataset_id), rows),
            *page.rows.columns,
            pa.repeat(pa.scalar(page.sha256), rows),
        ],
        schema=_ARROW_SCHEMA,
    )
    for start in range(0, rows, _BATCH_ROWS):
        yield whole.slice(start, _BATCH_ROWS)
