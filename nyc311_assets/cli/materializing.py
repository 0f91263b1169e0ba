"""Materializes assets over a range of partitions in one Dagster run, and shows it live."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from nyc311_assets.cli.events import RunView

MARKS = {"waiting": "·", "running": "▶", "done": "✓", "failed": "✗", "skipped": "-"}
_LOOK_SECONDS = 0.5
_SHOWN_LINES = 30
_CANCEL_SECONDS = 60


class NotMaterialized(RuntimeError):
    """The run was cancelled, or there was none."""


@dataclass(frozen=True, slots=True)
class Materialization:
    """What is materialized.

    Attributes:
        selection: Assets, as `dagster asset materialize --select` understands them.
        steps: Their names, in the order of the run.
        first: First daily partition.
        last: Last daily partition.
    """

    selection: str
    steps: tuple[str, ...]
    first: date
    last: date


def range_tags(first: date, last: date) -> dict[str, str]:
    """The tags by which Dagster knows a run over a range of daily partitions."""
    return {
        "dagster/asset_partition_range_start": first.isoformat(),
        "dagster/asset_partition_range_end": last.isoformat(),
    }


def materialize(
    console: Console,
    instance: dg.DagsterInstance,
    wanted: Materialization,
    *,
    environment: Mapping[str, str],
    log_path: Path,
) -> RunView:
    """Run `dagster asset materialize` and follow its run to the end, good or bad.

    Args:
        console: Where it is shown.
        instance: Where the run is recorded.
        wanted: What is materialized.
        environment: Variables of the run beside this process's own; DAGSTER_HOME among them.
        log_path: File for what the command itself says.

    Raises:
        NotMaterialized: The run was cancelled, or Dagster did not start one.
    """
    command = [
        str(Path(sys.executable).parent / "dagster"),
        "asset",
        "materialize",
        "--select",
        wanted.selection,
        "--partition-range",
        f"{wanted.first}...{wanted.last}",
        "-m",
        "nyc311_assets.definitions",
    ]
    shown = " ".join(["dagster", *command[1:]])
    console.print(f"$ DAGSTER_HOME={environment['DAGSTER_HOME']} {shown}\n", highlight=False)
    known = {run.run_id for run in instance.get_runs(limit=20)}
    with log_path.open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            view = _follow(console, instance, process, known, wanted)
        except KeyboardInterrupt:
            console.print("Cancelling the run …")
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=_CANCEL_SECONDS)
            except subprocess.TimeoutExpired:
                raise NotMaterialized(
                    f"The run did not end within {_CANCEL_SECONDS} s of being cancelled (process "
                    f"{process.pid}). Look at it in Dagster's UI; what it says is in {log_path}."
                ) from None
            raise NotMaterialized("Cancelled. Run it again to go on where it stopped.") from None
    if view is None:
        lines = log_path.read_text(encoding="utf-8").splitlines()
        raise NotMaterialized("Dagster did not start a run:\n" + "\n".join(lines[-_SHOWN_LINES:]))
    return view


def _follow(
    console: Console,
    instance: dg.DagsterInstance,
    process: subprocess.Popen[bytes],
    known: set[str],
    wanted: Materialization,
) -> RunView | None:
    view: RunView | None = None
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        while True:
            ended = process.poll() is not None
            if view is None:
                # A schedule or a sensor may start another run in the same moment.
                ours = dg.RunsFilter(tags=range_tags(wanted.first, wanted.last))
                runs = instance.get_runs(filters=ours, limit=5)
                new = [run for run in runs if run.run_id not in known]
                view = RunView(instance, new[0].run_id, wanted.steps) if new else None
            if view is not None:
                for line in view.refresh():
                    if not console.is_terminal:
                        console.print(line, highlight=False, markup=False)
                live.update(_progress(view))
            if ended:
                return view
            time.sleep(_LOOK_SECONDS)


def _progress(view: RunView) -> Group:
    table = Table.grid(padding=(0, 2))
    now = time.time()
    for step in view.steps.values():
        last_line = step.message.splitlines()[0][:100] if step.message else ""
        table.add_row(MARKS[step.state], step.name, f"{step.seconds(now):5.1f} s", Text(last_line))
    return Group(table)
