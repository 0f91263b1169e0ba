"""What every job does first and last: open Pipes, take Spark, report."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from dagster_pipes import (
    PipesCliArgsParamsLoader,
    PipesContext,
    PipesDefaultContextLoader,
    PipesEnvVarParamsLoader,
    open_dagster_pipes,
)
from pyspark.sql import SparkSession

from nyc311_assets.jobs.disks import disk_full, is_disk_full
from nyc311_assets.jobs.messages import VolumeMessageWriter
from nyc311_assets.jobs.protocol import (
    JobConfig,
    answer_message,
    check_message,
    partition_message,
    refusal_message,
)
from nyc311_assets.pipeline.checks import Figure, Verdict
from nyc311_assets.pipeline.cities import NEW_YORK, City
from nyc311_assets.pipeline.tables import Lakehouse


class NotStartedByDagster(RuntimeError):
    """A job was run without the parameters that Dagster gives it."""


@dataclass(frozen=True)
class Job:
    """A job on the cluster: its Spark session, what it is to do, and how it reports.

    Attributes:
        pipes: The open Pipes context.
        spark: The cluster's session.
        city: The city whose requests are processed.
        config: What Dagster sent along.
        attached_at: time.monotonic() when the job could begin its work.
    """

    pipes: PipesContext
    spark: SparkSession
    city: City
    config: JobConfig
    attached_at: float = field(default_factory=time.monotonic)

    @property
    def partitions(self) -> tuple[date, ...]:
        """The daily partitions of this run, oldest first."""
        return self.config.partitions

    @property
    def lakehouse(self) -> Lakehouse:
        """Where the tables are."""
        config = self.config
        return Lakehouse(
            config.lakehouse_root, config.lakehouse_is_catalog, config.lakehouse_location
        )

    @property
    def volume(self) -> Path:
        """The Volume's folder."""
        return Path(self.config.volume_path)

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where the job's files go; a catalog's tables are on no disk."""
        lakehouse = self.lakehouse
        return (self.volume,) if lakehouse.is_catalog else (Path(lakehouse.root), self.volume)

    def log(self, message: str) -> None:
        """Show a line in Dagster's event log."""
        self.pipes.log.info(message)

    def report_partition(self, partition: date, metadata: Mapping[str, Figure]) -> None:
        """Attach metadata to the materialization of one partition."""
        self.pipes.report_custom_message(partition_message(partition, metadata))

    def report_verdict(self, partition: date, verdict: Verdict) -> None:
        """Report one check of one partition."""
        self.pipes.report_custom_message(
            check_message(
                partition,
                name=verdict.spec.name,
                passed=verdict.passed,
                severity=verdict.spec.severity,
                blocks_run=verdict.blocks_run,
                figures=verdict.figures,
            )
        )
        if not verdict.passed:
            self.pipes.log.warning(
                f"{verdict.spec.name} failed for {partition}: {dict(verdict.figures)}"
            )

    def report_materialized(self, metadata: Mapping[str, Any]) -> None:
        """Report that the asset is materialized; the last thing a job does."""
        work_seconds = round(time.monotonic() - self.attached_at, 3)
        self.pipes.report_asset_materialization(metadata={**metadata, "work_seconds": work_seconds})

    def report_answer(self, answer: Mapping[str, Any]) -> None:
        """Report what was found or done; the last thing a job on whole tables does."""
        self.pipes.report_custom_message(answer_message(answer))

    def report_refusal(self, reason: object) -> None:
        """Report that what was asked for cannot be had; nothing was done."""
        self.pipes.report_custom_message(refusal_message(str(reason)))


@contextmanager
def open_job(city: City = NEW_YORK) -> Iterator[Job]:
    """Open Pipes and take the cluster's Spark session.

    Raises:
        NotStartedByDagster: Pipes' parameters are neither on the command line nor in the environment.
        TypeError: Dagster and this job are not of one version.
        DiskFull: The job failed for want of space on a disk.
    """
    # A new cluster gets the parameters in its environment, the others on the command line.
    loaders = (PipesCliArgsParamsLoader(), PipesEnvVarParamsLoader())
    loader = next((each for each in loaders if each.is_dagster_pipes_process()), None)
    if loader is None:
        raise NotStartedByDagster(
            "This is a job of nyc311_assets: Dagster starts it, and tells it what to do. "
            "Materialize its asset instead of running it by hand."
        )
    with open_dagster_pipes(
        params_loader=loader,
        context_loader=PipesDefaultContextLoader(),
        message_writer=VolumeMessageWriter(),
    ) as pipes:
        # Before Spark: a wrong version should show at once.
        config = JobConfig.from_extras(pipes.extras)
        spark = SparkSession.builder.getOrCreate()
        # Timestamps without a zone are the city's wall time; all others are instants.
        spark.conf.set("spark.sql.session.timeZone", "UTC")
        job = Job(pipes, spark, city, config)
        try:
            yield job
        except Exception as error:
            if not is_disk_full(error):
                raise
            raise disk_full(job.folders) from error
