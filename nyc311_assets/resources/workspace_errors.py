"""What can go wrong between Dagster and a workspace, each with its remedy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from databricks.sdk.errors import PermissionDenied, Unauthenticated
from databricks.sdk.errors.base import DatabricksError


class WorkspaceError(RuntimeError):
    """The workspace did not do what it was asked.

    Attributes:
        worth_retrying: Whether the same call may succeed later.
    """

    def __init__(self, message: str, *, worth_retrying: bool) -> None:
        super().__init__(message)
        self.worth_retrying = worth_retrying


class WorkspaceRefused(WorkspaceError):
    """The workspace answered, and refused."""


class WorkspaceUnreachable(WorkspaceError):
    """The workspace does not answer."""


@contextmanager
def workspace_calls(host: str) -> Iterator[None]:
    """Name what the SDK raises in the block.

    The SDK has retried by then: connection errors and the answers 429 and 503, for its
    `retry_timeout_seconds`; what it raises after that is a TimeoutError caused by the last of them.

    Args:
        host: The workspace's address.

    Raises:
        WorkspaceRefused: It answered with an error.
        WorkspaceUnreachable: It did not answer.
    """
    try:
        yield
    except DatabricksError as error:
        raise _refused(host, error) from error
    except OSError as error:
        # The retry budget's TimeoutError, and the exceptions of requests: all are OSErrors.
        if isinstance(error.__cause__, DatabricksError):
            raise _too_busy(host, error.__cause__) from error
        raise _unreachable(host, error) from error


def _refused(host: str, error: DatabricksError) -> WorkspaceRefused:
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, Unauthenticated):
        return WorkspaceRefused(
            f"The workspace {host} does not know who is calling ({said}). Set DATABRICKS_TOKEN to a "
            "valid token of that workspace: it may have expired, or be another workspace's.",
            worth_retrying=False,
        )
    if isinstance(error, PermissionDenied):
        return WorkspaceRefused(
            f"The workspace {host} does not permit it ({said}). Grant the owner of "
            "DATABRICKS_TOKEN what is missing, or use another token.",
            worth_retrying=False,
        )
    return WorkspaceRefused(f"The workspace {host} refused: {said}.", worth_retrying=True)


def _too_busy(host: str, error: DatabricksError) -> WorkspaceRefused:
    return WorkspaceRefused(
        f"The workspace {host} is too busy and stayed so through all retries "
        f"({type(error).__name__}: {error}). Run the step again later.",
        worth_retrying=True,
    )


def _unreachable(host: str, error: OSError) -> WorkspaceUnreachable:
    cause = error.__cause__ or error
    return WorkspaceUnreachable(
        f"The workspace {host} does not answer ({type(cause).__name__}: {cause}). On Databricks, "
        "check DATABRICKS_HOST and the network. The embedded workspace on this machine is gone: "
        "`nyc311 local status` shows whether there is one, and the next run starts a new one.",
        worth_retrying=True,
    )
