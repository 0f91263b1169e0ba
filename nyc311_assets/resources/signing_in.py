"""Logs in to the workspace at DATABRICKS_HOST."""

from __future__ import annotations

from databricks.sdk import WorkspaceClient


class SettingsMissing(RuntimeError):
    """A setting is needed that has no working default."""


def sign_in() -> WorkspaceClient:
    """A client of the workspace at DATABRICKS_HOST.

    Raises:
        SettingsMissing: There is nothing to log in with.
    """
    try:
        return WorkspaceClient()
    except ValueError as error:
        raise SettingsMissing(
            "There is nothing to log in to DATABRICKS_HOST with: set DATABRICKS_TOKEN, or another "
            f"of Databricks' ways to log in ({error})"
        ) from error
