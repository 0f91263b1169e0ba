"""A source that miscounts or leaves a day out, seen from Dagster and from the tables."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterEventType
from pyspark.sql import SparkSession

from nyc311_assets.definitions import build_definitions
from nyc311_assets.local.lifecycle import ensure_workspace, stop_workspace
from nyc311_assets.pipeline.days import days_between
from nyc311_assets.settings import Settings
from nyc311_assets_tests.proxy import Answer, Ask, Call, Proxy
from nyc311_assets_tests.resources.probe import STANDIN_FEED
from nyc311_assets_tests.shared_spark import SharedSpark
from nyc311_assets_tests.trouble.waiting import when

FIRST, LAST = date(2026, 3, 1), date(2026, 3, 16)
EMPTY_DAY = date(2026, 3, 5)
ROWS_PER_DAY = 12


@dataclass(frozen=True)
class Source:
    """The feed of some rows, through a proxy that may miscount, and a home to land them in."""

    proxy: Proxy
    home: Path
    spark: SparkSession

    def miscount(self, day: date) -> None:
        """Let the source say that it has a row more on a day than it serves."""

        def tamper(call: Call, ask: Ask) -> Answer:
            answer = ask()
            if "$group" not in call.query:
                return answer
            counts = json.loads(answer.body)
            for count in counts:
                if count["day"].startswith(day.isoformat()):
                    count["row_count"] = str(int(count["row_count"]) + 1)
            return replace(answer, body=json.dumps(counts).encode())

        self.proxy.tamper = tamper

    def materialize(self, first: date, last: date) -> tuple[dg.ExecuteInProcessResult, str]:
        """Run all assets for a range of partitions; give also what a person reads."""
        settings = Settings(home=self.home, soda_url=self.proxy.url, start_date=FIRST)
        job = build_definitions(settings, in_production=False).resolve_job_def("daily")
        with dg.DagsterInstance.ephemeral() as instance:
            if first == last:
                result = job.execute_in_process(
                    partition_key=first.isoformat(), instance=instance, raise_on_error=False
                )
            else:
                tags = {
                    "dagster/asset_partition_range_start": first.isoformat(),
                    "dagster/asset_partition_range_end": last.isoformat(),
                }
                result = job.execute_in_process(tags=tags, instance=instance, raise_on_error=False)
            records = instance.get_records_for_run(result.run_id).records
            said = "\n".join(
                f"{record.event_log_entry.user_message}\n{record.event_log_entry.error_info}"
                for record in records
            )
        return result, said

    def rows_per_day(self, table: str) -> dict[date, int]:
        path = self.home / "lakehouse" / table
        return {
            row["request_date"]: row["count"]
            for row in self.spark.read.format("delta")
            .load(str(path))
            .groupBy("request_date")
            .count()
            .collect()
        }

    def complete_days(self) -> set[date]:
        path = self.home / "lakehouse" / "gold" / "daily_counts"
        rows = self.spark.read.format("delta").load(str(path)).where("is_complete")
        return {row["request_date"] for row in rows.select("request_date").distinct().collect()}


def checks(result: dg.ExecuteInProcessResult, name: str) -> dict[str | None, bool]:
    """Return whether each partition passed a check; None stands for the step."""
    found = {}
    for event in result.all_events:
        if event.event_type is DagsterEventType.ASSET_CHECK_EVALUATION:
            evaluation = event.asset_check_evaluation_data
            if evaluation.check_name == name:
                found[evaluation.partition] = evaluation.passed
    return found


@pytest.fixture
def source(
    tmp_path: Path, spark_server: SharedSpark, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Source]:
    rows, ready = tmp_path / "rows.ndjson", tmp_path / "ready.json"
    rows.write_text(
        "\n".join(
            json.dumps(
                {
                    "unique_key": f"{day:%Y%m%d}{number:02}",
                    "created_date": datetime(day.year, day.month, day.day, number).isoformat(),
                    "agency": "NYPD",
                    "complaint_type": "Noise - Residential",
                    "borough": "BRONX",
                    "status": "Open",
                }
            )
            for day in days_between(FIRST, LAST)
            if day != EMPTY_DAY
            for number in range(ROWS_PER_DAY)
        )
    )
    command = [sys.executable, "-m", "nyc311_assets.local.feed", "--ready-file", str(ready)]
    home = tmp_path / "home"
    monkeypatch.setenv("SPARK_REMOTE", spark_server.remote)
    with subprocess.Popen([*command, "--rows", str(rows)], stdout=subprocess.DEVNULL) as feed:
        try:
            when(lambda: ready.exists() or feed.poll() is not None, "the feed serves")
            url = f"http://127.0.0.1:{json.loads(ready.read_text())['port']}"
            ensure_workspace(home, feed_module=STANDIN_FEED)
            with Proxy(url).serving() as proxy:
                yield Source(proxy, home, spark)
        finally:
            stop_workspace(home)
            feed.terminate()


@pytest.mark.spark
@pytest.mark.long
def test_a_miscounted_and_an_empty_day_of_a_range_do_not_stop_the_others(source: Source) -> None:
    miscounted = date(2026, 3, 11)
    source.miscount(miscounted)
    result, said = source.materialize(date(2026, 3, 10), date(2026, 3, 12))
    assert result.success, said

    reconciled = checks(result, "reconciled_with_source")
    assert reconciled.pop(None) is False
    assert reconciled == {"2026-03-10": True, "2026-03-11": False, "2026-03-12": True}
    empty = checks(result, "no_empty_days")
    assert empty["2026-03-10"] is False
    assert empty["2026-03-11"] is empty["2026-03-12"] is True
    assert "reconciled_with_source failed for 2026-03-11" in said

    pulled = set(days_between(date(2026, 3, 3), date(2026, 3, 12))) - {EMPTY_DAY}
    in_silver = source.rows_per_day("silver/requests")
    assert in_silver == dict.fromkeys(pulled - {miscounted}, ROWS_PER_DAY)
    assert source.rows_per_day("bronze/raw_311") == dict.fromkeys(pulled, ROWS_PER_DAY)
    # The day after the range is published too, so that all its days have been reached.
    assert source.complete_days() == pulled - {miscounted}


@pytest.mark.spark
@pytest.mark.long
def test_a_miscounted_partition_fails_and_nothing_is_built_on_it(source: Source) -> None:
    partition = date(2026, 3, 14)
    source.miscount(partition)
    result, said = source.materialize(partition, partition)
    assert not result.success
    assert checks(result, "reconciled_with_source") == {partition.isoformat(): False}
    assert "reconciled_with_source" in said
    started = {
        event.step_key
        for event in result.all_events
        if event.event_type is DagsterEventType.STEP_START
    }
    assert started == {"raw_311"}
    assert not (source.home / "lakehouse" / "silver" / "requests").exists()
