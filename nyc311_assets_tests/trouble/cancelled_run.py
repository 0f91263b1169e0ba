"""`python -m …cancelled_run`: a Dagster run as its process sees it, to be ended by a signal."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import dagster as dg

from nyc311_assets_tests.resources.probe import execute, hardened, script_task


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--dagster-home", type=Path, required=True)
    parser.add_argument("--script", type=Path, required=True)
    parser.add_argument("--pid-file", required=True)
    arguments = parser.parse_args()
    client = hardened(arguments.home)
    task = script_task(
        arguments.script.parent, arguments.script.read_text(), {"PID_FILE": arguments.pid_file}
    )
    with dg.DagsterInstance.local_temp(str(arguments.dagster_home)) as instance:
        step = execute(lambda context: client.run(context=context, task=task), instance=instance)
    return 0 if step.succeeded else 1


if __name__ == "__main__":
    sys.exit(main())
