"""Loads what takes seconds to import, in the background while the server already answers."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from nyc311_assets.local.tasks import RunSpecification

SubmissionReader = Callable[[Mapping[str, Any], str], RunSpecification]


class SessionCalls(Protocol):
    """The functions of `sessions`."""

    def end_session(self, remote: str, timeout_seconds: float) -> None:
        """See `sessions.end_session`."""

    def is_at_rest(self, remote: str, timeout_seconds: float) -> bool:
        """See `sessions.is_at_rest`."""

    def reset_session(self, remote: str, timeout_seconds: float) -> bool:
        """See `sessions.reset_session`."""


def submission_reader() -> SubmissionReader:
    """Return `specification.read_submission`, which needs the Databricks SDK."""
    reader: SubmissionReader = importlib.import_module(
        "nyc311_assets.local.specification"
    ).read_submission
    return reader


def session_calls() -> SessionCalls:
    """Return `sessions`, which needs Spark's messages.

    Its `SessionNotEnded` is a RuntimeError.
    """
    calls: SessionCalls = importlib.import_module("nyc311_assets.local.sessions")
    return calls


def preload() -> None:
    """Import both, so that whoever needs them first does not wait."""
    submission_reader()
    session_calls()
