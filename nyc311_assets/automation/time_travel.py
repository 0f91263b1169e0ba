"""Jobs on the versions of tables: show a table's history, restore it, count as once was known."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import dagster as dg
from dagster import RunsFilter

from nyc311_assets.automation.maintenance import maintenance_op
from nyc311_assets.pipeline.catalog import Layer, find_table, layers
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.resources.runner import JobRunner

TABLE_HISTORY = "table_history"
HISTORY_OP = "read_history"
KNOWN_COUNTS = "known_counts"
COUNTS_OP = "count_as_known"
_MOST_RUNS = 500


def restore_job_name(layer: Layer) -> str:
    """Name of the job that restores a layer's tables."""
    return f"restore_{layer.asset}"


def restore_op(layer: Layer) -> str:
    """Name of that job's op."""
    return f"restore_{layer.name}_tables"


class HistoryConfig(dg.Config):
    """Whose history.

    Attributes:
        table: `layer.table`.
        limit: Most versions to show, newest first.
    """

    table: str
    limit: int = 20


class RestoreConfig(dg.Config):
    """Which table goes back, and to when: give one of the two.

    Attributes:
        table: `layer.table`.
        to_version: A version.
        to_time: A time with its zone, ISO: the version that was current then.
        preview: Only show what would change.
    """

    table: str
    to_version: int | None = None
    to_time: str | None = None
    preview: bool = False


class CountsConfig(dg.Config):
    """Which counts, as known when.

    Attributes:
        known_on: The last ingestion date that counts, or with `exact` the day at whose end the
            table is read.
        exact: Read the version of silver.requests that was current then.
        request_date: Only this day.
        complaint_type: Only this one, in any case.
        borough: Only this one, in any case.
        limit: Most series to show, largest first.
    """

    known_on: str
    exact: bool = False
    request_date: str | None = None
    complaint_type: str | None = None
    borough: str | None = None
    limit: int = 50


def time_travel_jobs() -> list[dg.JobDefinition]:
    """The jobs. Those that only read take no pool: Delta shows them one version throughout."""
    return [_history_job(), _counts_job(), *(_restore_job(layer) for layer in layers(NEW_YORK))]


def _history_job() -> dg.JobDefinition:
    @dg.op(name=HISTORY_OP, out=dg.Out(dict[str, Any]))
    def read_history(
        context: dg.OpExecutionContext, config: HistoryConfig, runner: dg.ResourceParam[JobRunner]
    ) -> dg.Output[dict[str, Any]]:
        answer = dict(
            runner.ask(context, "history", {"table": config.table, "limit": config.limit})
        )
        layer, _ = find_table(NEW_YORK, config.table)
        steps = {layer.asset, maintenance_op(layer), restore_op(layer)}
        times = [datetime.fromisoformat(each["written_at"]) for each in answer["versions"]]
        runs = writers(context.instance, steps, times)
        for version, time in zip(answer["versions"], times, strict=True):
            version["run_id"] = runs.get(time)
        return dg.Output(answer, metadata={"versions": dg.MetadataValue.json(answer["versions"])})

    @dg.job(name=TABLE_HISTORY, description="The versions of a table, and how far back they go.")
    def job() -> None:
        read_history()

    return job


def writers(
    instance: dg.DagsterInstance, steps: Iterable[str], times: Iterable[datetime]
) -> Mapping[datetime, str]:
    """The run that was at work on a table at each of some times.

    A table's pool lets one step at a time write it. So the step that was under way when a version
    was committed is the one that wrote it.

    Args:
        instance: Where the runs are recorded.
        steps: Names of the steps that write the table.
        times: Times of commits, aware.

    Returns:
        Commit time -> run id, without the times at which none of these steps was under way.
    """
    times, steps = sorted(times), set(steps)
    if not times:
        return {}
    found: dict[datetime, str] = {}
    overlapping = RunsFilter(created_before=times[-1], updated_after=times[0])
    for record in instance.get_run_records(overlapping, limit=_MOST_RUNS):
        run_id = record.dagster_run.run_id
        for stats in instance.get_run_step_stats(run_id):
            if stats.step_key not in steps or stats.start_time is None:
                continue
            end_time = stats.end_time or record.end_time or float("inf")
            for time in times:
                if stats.start_time <= time.timestamp() <= end_time:
                    found[time] = run_id
    return found


def _restore_job(layer: Layer) -> dg.JobDefinition:
    @dg.op(name=restore_op(layer), pool=layer.pool, out=dg.Out(dict[str, Any]))
    def restore(
        context: dg.OpExecutionContext, config: RestoreConfig, runner: dg.ResourceParam[JobRunner]
    ) -> dg.Output[dict[str, Any]]:
        if (config.to_version is None) == (config.to_time is None):
            raise dg.Failure("Give either to_version or to_time.", allow_retries=False)
        if find_table(NEW_YORK, config.table)[0] != layer:
            raise dg.Failure(
                f"{config.table} is not a table that {layer.asset} writes: use the restore job of "
                "the asset that does, so that nothing writes it meanwhile.",
                allow_retries=False,
            )
        answer = runner.ask(
            context,
            "restore",
            {
                "table": config.table,
                "to_version": config.to_version,
                "to_time": config.to_time,
                "preview": config.preview,
            },
        )
        return dg.Output(dict(answer), metadata=dict(answer))

    @dg.job(
        name=restore_job_name(layer),
        description="Takes a table back to an earlier version: "
        + ", ".join(contract.name for contract in layer.contracts)
        + ".",
    )
    def job() -> None:
        restore()

    return job


def _counts_job() -> dg.JobDefinition:
    @dg.op(name=COUNTS_OP, out=dg.Out(dict[str, Any]))
    def count_as_known(
        context: dg.OpExecutionContext, config: CountsConfig, runner: dg.ResourceParam[JobRunner]
    ) -> dg.Output[dict[str, Any]]:
        answer = runner.ask(context, "counts", config.model_dump())
        figures = {name: answer[name] for name in ("known_on", "requests", "series")}
        return dg.Output(dict(answer), metadata=figures)

    @dg.job(name=KNOWN_COUNTS, description="Counts of requests as they were known on a past date.")
    def job() -> None:
        count_as_known()

    return job
