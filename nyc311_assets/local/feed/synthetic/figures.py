"""The measured figures that the synthetic rows follow."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import orjson

FIGURES_PATH = Path(__file__).with_name("figures.json")


@cache
def figures() -> dict[str, Any]:
    """The table that `calibration` measured on real data; its `origin` says on which."""
    content: dict[str, Any] = orjson.loads(FIGURES_PATH.read_bytes())
    return content
