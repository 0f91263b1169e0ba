"""`python -m nyc311_assets.local.feed.synthetic.calibration`: measure real data again.

Needs the folder of real rows and daily counts that NYC311_REAL_DATA names.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import orjson

from nyc311_assets.local.feed.synthetic.calibration.table import calibration_table
from nyc311_assets.local.feed.synthetic.figures import FIGURES_PATH


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure a folder of real data and write the table."""
    parser = argparse.ArgumentParser(description="Measure the real data behind the synthetic rows.")
    parser.add_argument("data", type=Path, help="folder with rows/, daily/ and soda_api/")
    parser.add_argument("--output", type=Path, default=FIGURES_PATH, help="file to write")
    options = parser.parse_args(arguments)
    content = orjson.dumps(calibration_table(options.data))
    options.output.write_bytes(content + b"\n")
    sys.stdout.write(f"{len(content)} bytes in {options.output}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
