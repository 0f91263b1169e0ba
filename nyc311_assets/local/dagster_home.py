"""The local Dagster instance's home: SQLite, no telemetry, one writer per table."""

from __future__ import annotations

import json
import re
from pathlib import Path

_DAGSTER_YAML = """\
# Written by nyc311. Local runs only; production has its own dagster.yaml.
telemetry:
  enabled: false
nux:
  enabled: false
# One run at a time writes a table: each asset has its table's pool.
concurrency:
  pools:
    default_limit: 1
# A failed step is data or code: running it again by itself helps neither. A run whose process
# was lost is another matter.
run_retries:
  enabled: true
  max_retries: 1
  retry_on_asset_or_op_failure: false
# The files of Dagster's own SQLite storage, written several times quicker.
event_log_storage:
  module: nyc311_assets.resources.event_log
  class: LocalEventLog
  config:
    home: "HOME"
"""
_HOME_LINE = re.compile(r"^    home: .*$", re.MULTILINE)


def prepare_dagster_home(folder: Path) -> Path:
    """Create the instance's home and its dagster.yaml.

    A file that is there is left alone, but for the place of the event log when the home was moved.
    """
    folder.mkdir(parents=True, exist_ok=True)
    instance_file = folder / "dagster.yaml"
    before = instance_file.read_text(encoding="utf-8") if instance_file.exists() else None
    home = f"    home: {json.dumps(str(folder.absolute()))}"
    text = _HOME_LINE.sub(lambda _: home, before or _DAGSTER_YAML)
    if text != before:
        instance_file.write_text(text, encoding="utf-8")
    return folder


def export_on_activation(environment: Path, dagster_home: Path) -> None:
    """Let `activate` set DAGSTER_HOME, so that a plain `dagster dev` shows the same runs.

    Without it `dagster dev` starts an empty instance that is gone when it ends. A value that the
    user has set himself stays.
    """
    script = environment / "bin" / "activate"
    line = f'export DAGSTER_HOME="${{DAGSTER_HOME:-{dagster_home}}}"\n'
    if script.exists() and line not in script.read_text(encoding="utf-8"):
        with script.open("a", encoding="utf-8") as file:
            file.write(line)
