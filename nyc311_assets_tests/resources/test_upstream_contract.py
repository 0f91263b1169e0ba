"""What upstream does that this package works around (dagster 1.13.27, dagster-databricks 0.29.27).

Each test fails on the day upstream mends its point, and says which workaround can go then.
"""

import inspect
import warnings
from pathlib import Path
from typing import Any

import dagster as dg
import dagster_pipes
import pytest
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.pipes import utils
from dagster._core.pipes.context import build_external_execution_context_data
from dagster_databricks import PipesDatabricksClient
from dagster_databricks.pipes import (
    PipesUnityCatalogVolumesContextInjector,
    PipesUnityCatalogVolumesMessageReader,
)
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import PermissionDenied
from databricks.sdk.service import jobs

from nyc311_assets.local.lifecycle import ensure_workspace
from nyc311_assets.resources.messages import VolumeMessageReader
from nyc311_assets.resources.redaction import Redactor
from nyc311_assets.resources.volume import Volume
from nyc311_assets_tests.proxy import Proxy, refusal
from nyc311_assets_tests.resources.probe import (
    HANG,
    OPEN,
    STANDIN_FEED,
    Step,
    execute,
    hardened,
    script_task,
    workspace_client,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::dagster.PreviewWarning", "ignore::dagster.BetaWarning")
]

CONTEXT: dagster_pipes.PipesContextData = {
    "asset_keys": None,
    "code_version_by_asset_key": None,
    "provenance_by_asset_key": None,
    "partition_key": None,
    "partition_key_range": None,
    "partition_time_window": None,
    "run_id": "1",
    "job_name": "daily",
    "retry_number": 0,
    "extras": {},
}
RAISES = OPEN + (
    "with open_pipes() as pipes:\n"
    "    pipes.report_asset_materialization({'rows': 3})\n"
    "    raise LookupError('no such borough')\n"
)


def run_stock(
    client: WorkspaceClient, home: Path, task: jobs.SubmitTask, *, implicit: bool = True
) -> Step:
    """Materialize an asset with upstream's client, as its documentation shows it.

    Only the messages are read by this package's reader, which is quicker.
    """
    volume_path = str(home / "volumes")

    def run(context: dg.AssetExecutionContext) -> dg.PipesClientCompletedInvocation:
        stock = PipesDatabricksClient(
            client,
            context_injector=PipesUnityCatalogVolumesContextInjector(
                client=client, volume_path=volume_path
            ),
            message_reader=VolumeMessageReader(
                Volume(client, volume_path, context.log),
                interval_seconds=0.05,
                grace_seconds=0.2,
                redact=Redactor([]),
            ),
            poll_interval_seconds=0.05,
        )
        return stock.run(context=context.op_execution_context, task=task)

    return execute(run, implicit=implicit)


@pytest.fixture
def client(workspace_home: Path) -> WorkspaceClient:
    return hardened(workspace_home).client


def test_the_stock_client_records_a_cancelled_run_as_a_success(
    workspace_home: Path, tmp_path: Path, client: WorkspaceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = client.jobs.get_run
    looked = []

    def be_interrupted_once(run_id: int) -> jobs.Run:
        run = look(run_id)
        looked.append(run_id)
        if len(looked) == 1:
            raise DagsterExecutionInterruptedError
        return run

    monkeypatch.setattr(client.jobs, "get_run", be_interrupted_once)
    task = script_task(tmp_path, HANG, {"PID_FILE": str(tmp_path / "pid")})
    step = run_stock(client, workspace_home, task)
    assert step.succeeded, "upstream re-raises interruptions: RemoteRun need not do it any more"
    assert step.materializations == 1


def test_the_stock_client_takes_a_run_without_its_final_report_for_a_success(
    workspace_home: Path, tmp_path: Path, client: WorkspaceClient
) -> None:
    task = script_task(tmp_path, OPEN + "open_pipes()\nos._exit(0)")
    step = run_stock(client, workspace_home, task)
    assert step.succeeded, "upstream checks for `closed`: received_closed_message need not be read"
    assert step.materializations == 1, "upstream materializes nothing that was not reported"


def test_the_stock_client_takes_a_job_that_swallowed_its_exception_for_a_success(
    workspace_home: Path, tmp_path: Path, client: WorkspaceClient
) -> None:
    script = OPEN + (
        "try:\n"
        "    with open_pipes(): raise LookupError('no such borough')\n"
        "except LookupError:\n"
        "    pass\n"
    )
    task = script_task(tmp_path, script)
    step = run_stock(client, workspace_home, task)
    assert step.succeeded, "upstream looks at the exception of `closed`: job_traceback can go"


def test_materializations_are_implicit_unless_one_says_no() -> None:
    for method, argument in (
        (dg.PipesClientCompletedInvocation.get_materialize_result, "implicit_materialization"),
        (dg.PipesClientCompletedInvocation.get_results, "implicit_materializations"),
    ):
        default = inspect.signature(method).parameters[argument].default
        assert default is True, f"upstream's {argument} is off now: it need not be passed"


def test_a_failed_run_s_results_are_lost_and_its_traceback_is_not_fetched(
    workspace_home: Path, tmp_path: Path
) -> None:
    workspace = ensure_workspace(workspace_home, feed_module=STANDIN_FEED)
    with Proxy(workspace.host).serving() as proxy:
        client = workspace_client(workspace, host=proxy.url)
        step = run_stock(client, workspace_home, script_task(tmp_path, RAISES))
    assert not step.succeeded
    fetched = [call for call in proxy.calls if call.path.endswith("get-output")]
    assert not fetched, "upstream fetches the run's output: RemoteRun.output can go"
    assert "LookupError: no such borough" in step.error
    assert "raise LookupError" not in step.error
    assert (
        step.materializations == 0
    ), "upstream keeps what a failed run has reported: a job may exit non-zero on bad data"


def test_a_range_run_s_pipes_context_names_no_partition() -> None:
    seen: dict[str, Any] = {}

    @dg.asset(
        partitions_def=dg.DailyPartitionsDefinition("2026-01-01"),
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def ranged(context: dg.AssetExecutionContext) -> None:
        seen.update(build_external_execution_context_data(context.op_execution_context, None))

    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize(
            [ranged],
            instance=instance,
            tags={
                "dagster/asset_partition_range_start": "2026-01-02",
                "dagster/asset_partition_range_end": "2026-01-04",
            },
        )
    named = {key: seen[key] for key in seen if key.startswith("partition_")}
    assert named == {
        "partition_key": None,
        "partition_key_range": None,
        "partition_time_window": None,
    }, "upstream names the partitions of a range run: JobConfig.partition_keys can go"


def test_a_stock_reader_goes_on_counting_in_the_next_run(
    workspace_home: Path, client: WorkspaceClient
) -> None:
    reader = PipesUnityCatalogVolumesMessageReader(
        client=client, volume_path=str(workspace_home / "volumes")
    )
    read = []
    for _ in range(2):
        with reader.get_params() as parameters:
            (Path(parameters["path"]) / "1.json").write_text("{}")
            read.append(reader.download_messages(None, parameters))
    assert read[0] is not None
    assert read[1] is None, "upstream's readers can be used again: one for all runs will do"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_stock_reader_that_dies_leaves_its_step_looking_fine(
    workspace_home: Path, client: WorkspaceClient
) -> None:
    volume_path = str(workspace_home / "volumes")

    def run(context: dg.AssetExecutionContext) -> dg.PipesClientCompletedInvocation:
        with dg.open_pipes_session(
            context=context.op_execution_context,
            context_injector=PipesUnityCatalogVolumesContextInjector(
                client=client, volume_path=volume_path
            ),
            message_reader=PipesUnityCatalogVolumesMessageReader(
                client=client, volume_path=volume_path
            ),
        ) as session:
            chunk = Path(session.message_reader_params["path"]) / "1.json"
            chunk.write_text('{"__dagster_pipes_version": "0.1", "method": "x", "params": {}}')
        return dg.PipesClientCompletedInvocation(session)

    step = execute(run, implicit=True)
    assert "framework exception occurred" in step.logs
    assert step.succeeded, "upstream fails the step: raise_if_unreadable can go"


def test_a_stock_injector_that_cannot_clear_up_fails_the_step(workspace_home: Path) -> None:
    workspace = ensure_workspace(workspace_home, feed_module=STANDIN_FEED)
    with Proxy(workspace.host).serving() as proxy:
        proxy.tamper = lambda call, ask: (
            refusal(403, "PERMISSION_DENIED", "no") if call.method == "DELETE" else ask()
        )
        injector = PipesUnityCatalogVolumesContextInjector(
            client=workspace_client(workspace, host=proxy.url),
            volume_path=str(workspace_home / "volumes"),
        )
        raised = False
        try:
            with injector.inject_context(CONTEXT):
                pass
        except PermissionDenied:
            raised = True
    assert raised, "upstream's injector survives it: VolumeContextInjector can go"


def test_the_stock_client_knows_no_serverless_task(
    workspace_home: Path, tmp_path: Path, client: WorkspaceClient
) -> None:
    task = script_task(tmp_path, RAISES)
    task.new_cluster, task.environment_key = None, "default"
    step = run_stock(client, workspace_home, task)
    assert (
        "KeyError: 'new_cluster'" in step.error
    ), "upstream's PipesDatabricksClient takes serverless tasks: _with_bootstrap can go"


def test_the_tags_that_the_stock_client_gives_a_task_never_leave_it() -> None:
    assert 'submit_task_dict["tags"]' in inspect.getsource(
        PipesDatabricksClient._enrich_submit_task_dict
    )
    task = jobs.SubmitTask.from_dict({"task_key": "raw_311", "tags": {"run": "1"}})
    assert task.as_dict() == {
        "task_key": "raw_311"
    }, "tasks of runs/submit have tags: Dagster's run id can travel there, not in the run's name"


def test_runs_submit_shares_no_job_cluster() -> None:
    parameters = inspect.signature(jobs.JobsAPI.submit).parameters
    assert "idempotency_token" in parameters
    assert "job_clusters" not in parameters, "one job cluster can serve all steps of a run"


def test_the_stock_message_loops_sleep_whole_seconds() -> None:
    remedy = "upstream has no fixed one-second loop any more: measure whether its pair will do"
    assert utils.DEFAULT_SLEEP_INTERVAL == 1, remedy
    reader_loop = inspect.getsource(utils.PipesThreadedMessageReader._messages_thread)
    assert "time.sleep(DEFAULT_SLEEP_INTERVAL)" in reader_loop, remedy
    writer_loop = inspect.getsource(dagster_pipes.PipesBlobStoreMessageWriterChannel._upload_loop)
    assert "time.sleep(1)" in writer_loop, remedy
    assert (
        utils.WAIT_FOR_LOGS_AFTER_EXECUTION_INTERVAL == 10
    ), "upstream waits another time for a `closed` that never comes: look at grace_seconds"


def test_pipes_calls_what_an_asset_s_context_has_deprecated() -> None:
    @dg.asset
    def probe(context: dg.AssetExecutionContext) -> None:
        build_external_execution_context_data(context, None)

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([probe], instance=instance, raise_on_error=False)
    error = str(result.failure_data_for_node("probe"))
    assert (
        "AssetExecutionContext.run_id is deprecated" in error
    ), "Pipes takes an asset's context without a warning: pass it as it is"


def test_a_reader_s_writer_count_is_a_preview() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        count = dg.PipesTempFileMessageReader().expected_writer_count
    assert count == 1
    assert [warning.category for warning in caught] == [
        dg.PreviewWarning
    ], "it is no preview any more: VolumeMessageReader.expected_writer_count can go"
