"""What all assets of the pipeline have in common."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from nyc311_assets.assets.results import check_specs, step_results, table_metadata
from nyc311_assets.pipeline.checks import CheckSpec
from nyc311_assets.pipeline.contracts import TableContract
from nyc311_assets.resources.runner import JobRunner


def delta_asset(
    *,
    name: str,
    description: str,
    contract: TableContract,
    checks: Sequence[CheckSpec],
    partitions: dg.PartitionsDefinition,
    deps: Sequence[str] = (),
    after: Callable[[dg.AssetExecutionContext, JobRunner, Mapping[str, Any]], None] | None = None,
) -> dg.AssetsDefinition:
    """A daily-partitioned Delta table that the job entry of the same name computes.

    A backfill of any length is one run: every asset has a single-run backfill policy and the
    identity mapping to what it depends on. The pool lets one run at a time write the table.

    `after` is called with what the job reported, when it has succeeded.
    """
    with warnings.catch_warnings():
        # Backfill policies are in beta and partitioned checks in preview: the pinned Dagster has
        # both, and an upgrade runs the tests of ranges first.
        warnings.simplefilter("ignore", dg.BetaWarning)
        warnings.simplefilter("ignore", dg.PreviewWarning)

        @dg.asset(
            name=name,
            description=description,
            deps=list(deps),
            partitions_def=partitions,
            backfill_policy=dg.BackfillPolicy.single_run(),
            check_specs=check_specs(name, checks, partitions),
            metadata=table_metadata(contract),
            group_name=contract.name.split(".", maxsplit=1)[0],
            kinds={"pyspark", "deltalake", "databricks"},
            pool=contract.name.replace(".", "_"),
        )
        def asset(
            context: dg.AssetExecutionContext, runner: dg.ResourceParam[JobRunner]
        ) -> Iterator[dg.MaterializeResult[Any]]:
            invocation = runner.run(context, name)
            for result in step_results(context, invocation, runner.settings.compute):
                if after is not None:
                    after(context, runner, result.metadata or {})
                yield result

        return asset
