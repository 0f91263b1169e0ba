"""The local event log: Dagster's own files, kept open."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import DagsterEventType
from dagster._core.storage.event_log import SqliteEventLogStorage

from nyc311_assets.local.dagster_home import prepare_dagster_home
from nyc311_assets.resources import event_log
from nyc311_assets.resources.event_log import LocalEventLog

EVALUATION = DagsterEventType.ASSET_CHECK_EVALUATION


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = prepare_dagster_home(tmp_path / "dagster")
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    return folder


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


@dg.asset
def counted(context: dg.AssetExecutionContext) -> None:
    for number in range(3):
        context.log_event(
            dg.AssetCheckEvaluation(
                asset_key=context.asset_key,
                check_name="even",
                passed=number % 2 == 0,
                metadata={"number": number},
            )
        )


def run(instance: dg.DagsterInstance) -> str:
    return dg.materialize([counted], instance=instance).run_id


def numbers(storage: SqliteEventLogStorage, run_id: str) -> list[object]:
    found: list[object] = []
    for entry in storage.get_logs_for_run(run_id, of_type=EVALUATION):
        evaluation = entry.get_dagster_event().asset_check_evaluation_data
        found.append(evaluation.metadata["number"].value)
    return found


def test_the_home_that_we_write_has_it(instance: dg.DagsterInstance, home: Path) -> None:
    storage = instance.event_log_storage
    assert isinstance(storage, LocalEventLog)
    assert Path(storage.path_for_shard("index")) == home / "history" / "runs" / "index.db"


def test_a_home_that_was_moved_keeps_its_log_with_it(home: Path, tmp_path: Path) -> None:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        run_id = run(instance)
    moved = home.rename(tmp_path / "moved")
    with dg.DagsterInstance.from_config(str(prepare_dagster_home(moved))) as instance:
        storage = instance.event_log_storage
        assert isinstance(storage, LocalEventLog)
        assert numbers(storage, run_id) == [0, 1, 2]
    assert not home.exists()


def test_dagsters_own_class_reads_what_it_wrote(instance: dg.DagsterInstance, home: Path) -> None:
    run_id = run(instance)
    stock = SqliteEventLogStorage(str(home / "history" / "runs"))
    assert numbers(stock, run_id) == [0, 1, 2]


def test_it_reads_what_dagsters_own_class_wrote(tmp_path: Path, home: Path) -> None:
    """A home from before it goes on, with all its runs."""
    (tmp_path / "stock").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "stock")) as instance:
        assert type(instance.event_log_storage) is SqliteEventLogStorage
        run_id = run(instance)
    (home / "history").mkdir()
    (tmp_path / "stock" / "history" / "runs").rename(home / "history" / "runs")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        storage = instance.event_log_storage
        assert isinstance(storage, LocalEventLog)
        assert numbers(storage, run_id) == [0, 1, 2]
        assert len(instance.all_asset_keys()) == 1


def test_a_process_that_is_killed_loses_nothing_that_it_logged(home: Path) -> None:
    script = (
        "import os, signal, dagster as dg\n"
        "from nyc311_assets_tests.resources.test_event_log import counted\n"
        "@dg.asset(deps=[counted])\n"
        "def dies() -> None:\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "with dg.DagsterInstance.get() as instance:\n"
        "    dg.materialize([counted, dies], instance=instance)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert ended.returncode < 0, ended.stderr.decode()
    with dg.DagsterInstance.from_config(str(home)) as instance:
        (record,) = instance.get_run_records()
        storage = instance.event_log_storage
        assert isinstance(storage, LocalEventLog)
        assert numbers(storage, record.dagster_run.run_id) == [0, 1, 2]


def test_processes_write_while_another_reads(instance: dg.DagsterInstance) -> None:
    script = (
        "import dagster as dg\n"
        "from nyc311_assets_tests.resources.test_event_log import run\n"
        "with dg.DagsterInstance.get() as instance:\n"
        "    for _ in range(3):\n"
        "        run(instance)\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE) for _ in range(2)
    ]
    while any(writer.poll() is None for writer in writers):
        instance.fetch_materializations(dg.AssetKey("counted"), limit=10)
        time.sleep(0.05)
    errors = [writer.communicate()[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0], errors
    storage = instance.event_log_storage
    assert isinstance(storage, LocalEventLog)
    runs = {record.dagster_run.run_id for record in instance.get_run_records()}
    assert len(runs) == 6
    assert all(numbers(storage, run_id) == [0, 1, 2] for run_id in runs)
    materialized = instance.fetch_materializations(dg.AssetKey("counted"), limit=100)
    assert {record.run_id for record in materialized.records} == runs


def test_few_files_stay_open(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "_OPEN_FILES", 2)
    storage = instance.event_log_storage
    assert isinstance(storage, LocalEventLog)
    runs = [run(instance) for _ in range(4)]
    assert all(numbers(storage, run_id) == [0, 1, 2] for run_id in runs)
    assert list(storage._engines) == [runs[-2], runs[-1]]


def test_a_deleted_run_is_gone_and_its_file_let_go(instance: dg.DagsterInstance) -> None:
    kept, gone = run(instance), run(instance)
    storage = instance.event_log_storage
    assert isinstance(storage, LocalEventLog)
    instance.delete_run(gone)
    assert gone not in storage._engines
    assert numbers(storage, gone) == []
    assert numbers(storage, kept) == [0, 1, 2]


def test_wiping_everything_leaves_a_log_that_works(instance: dg.DagsterInstance) -> None:
    before = run(instance)
    instance.wipe()
    storage = instance.event_log_storage
    assert isinstance(storage, LocalEventLog)
    after = run(instance)
    assert numbers(storage, before) == []
    assert numbers(storage, after) == [0, 1, 2]
