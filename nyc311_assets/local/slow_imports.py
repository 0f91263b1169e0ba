"""Loads what takes seconds to import, in the background while the server already answers."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from nyc311_assets.local.tasks import RunSpecification

SubmissionReader = Callable[[Mapping[str, Any], str], RunSpecification]
SessionEnder = Callable[[str, float], None]


def submission_reader() -> SubmissionReader:
    """Return `specification.read_submission`, which needs the Databricks SDK."""
    reader: SubmissionReader = importlib.import_module(
        "nyc311_assets.local.specification"
    ).read_submission
    return reader


def session_ender() -> SessionEnder:
    """Return `sessions.end_session`, which needs Spark's messages.

    It raises `SessionNotEnded`, a RuntimeError.
    """
    ender: SessionEnder = importlib.import_module("nyc311_assets.local.sessions").end_session
    return ender


def preload() -> None:
    """Import both, so that whoever needs them first does not wait."""
    submission_reader()
    session_ender()
