"""Makes the class data archive: starts Spark once, uses Delta as the jobs do, and keeps what Java loaded."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock
from pyspark.sql import SparkSession

from nyc311_assets.local.archive import archive_path
from nyc311_assets.local.jars import ensure_jars
from nyc311_assets.local.spark import SparkServer

_START_TIMEOUT_SECONDS = 120.0
_DUMP_TIMEOUT_SECONDS = 180.0
_LOCK_TIMEOUT_SECONDS = 600.0


Exercise = Callable[[str, Path], None]


class ArchiveNotMade(RuntimeError):
    """Java wrote no archive; Spark works without it, only its start is slower."""


def ensure_archive(
    progress: Callable[[str], None] | None = None,
    prefix: Path | None = None,
    exercise: Exercise | None = None,
) -> Path:
    """Return the class data archive that SparkServer starts from; make it first if it is not there.

    It is worth some seconds at every start of Spark, takes a minute or two to make, and 220 MB.

    Args:
        progress: Told, in a sentence, what is going on when it takes time.
        prefix: Root of the environment that keeps it; by default this one.
        exercise: What is done with Spark, given its address and a scratch folder, so that Java loads
            the classes that are worth keeping; by default, what the jobs do.

    Raises:
        ArchiveNotMade: Java wrote none.
        SparkNotStarted: Spark did not start.
        JavaMissing: There is no Java 17 or newer.
        JarsMissing: Delta's jars are not there and cannot be fetched.
    """
    jars = ensure_jars(progress, prefix)
    path = archive_path(jars)
    if path.exists():
        return path
    with FileLock(path.with_suffix(".lock"), timeout=_LOCK_TIMEOUT_SECONDS):
        if not path.exists():
            if progress is not None:
                progress("Preparing Spark for quick starts")
            _make(path, prefix, exercise or use_delta)
    return path


def _make(path: Path, prefix: Path | None, exercise: Exercise) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="archive-") as scratch:
        made = Path(scratch) / path.name
        server = SparkServer(
            Path(scratch) / "home",
            driver_memory="2g",
            archive=False,
            prefix=prefix,
            java_options=f'"-XX:ArchiveClassesAtExit={made}" -Xlog:disable -Xlog:all=error:stderr',
        )
        server.start(_START_TIMEOUT_SECONDS)
        try:
            exercise(server.remote, Path(scratch))
        finally:
            server.stop(_DUMP_TIMEOUT_SECONDS)
        if not made.exists():
            raise ArchiveNotMade(f"Java wrote no class data archive:\n{server.log_tail()}")
        made.replace(path)


def use_delta(remote: str, folder: Path) -> None:
    """Do once what the jobs do with a Delta table: append, merge, replace a range, aggregate."""
    table = folder / "table"
    spark = SparkSession.builder.remote(remote).create()
    try:
        rows = spark.range(1000).selectExpr(
            "id", "id % 7 AS day", "to_json(struct(id)) AS payload", "current_timestamp() AS at"
        )
        rows.write.format("delta").partitionBy("day").save(str(table))
        rows.createOrReplaceTempView("changes")
        spark.sql(
            f"MERGE INTO delta.`{table}` AS t USING changes AS s ON t.id = s.id AND t.day = s.day "
            "WHEN MATCHED AND t.payload <> s.payload THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
        ).collect()
        (
            rows.where("day = 3")
            .write.format("delta")
            .mode("overwrite")
            .option("replaceWhere", "day = 3")
            .save(str(table))
        )
        (
            spark.read.format("delta")
            .load(str(table))
            .selectExpr("day", "from_json(payload, 'id LONG').id AS id")
            .groupBy("day")
            .agg({"id": "max"})
            .selectExpr("*", "row_number() OVER (ORDER BY day) AS position")
            .toArrow()
        )
    finally:
        spark.stop()
