"""What a submitted run asks for, as the embedded workspace understands it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

ComputeKind = Literal["new_cluster", "existing_cluster", "serverless"]


@dataclass(frozen=True)
class TaskSpecification:
    """One `spark_python_task`.

    Attributes:
        key: Its name within the run.
        compute_kind: What it asked to run on. Here that is always the one warm Spark server.
        python_file: Path of the script.
        parameters: The script's command line.
        environment_variables: `spark_env_vars` of a new cluster, with `{{secrets/scope/key}}`
            still unresolved; empty for the other kinds, which have none on Databricks either.
        requirements: Wheels and packages that it needs, as they were asked for.
        depends_on: Keys of the tasks that must have succeeded before.
        timeout_seconds: Longest time it may take, or None.
        request: The task as it was submitted.
    """

    key: str
    compute_kind: ComputeKind
    python_file: str
    parameters: tuple[str, ...]
    environment_variables: Mapping[str, str]
    requirements: tuple[str, ...]
    depends_on: tuple[str, ...]
    timeout_seconds: int | None
    request: Mapping[str, Any]


@dataclass(frozen=True)
class RunSpecification:
    """One run, of one or more tasks.

    Attributes:
        name: What people call it.
        tasks: Its tasks, in the order they were submitted.
        timeout_seconds: Longest time the run may take, or None.
        idempotency_token: Two submissions with the same token are the same run.
    """

    name: str
    tasks: tuple[TaskSpecification, ...]
    timeout_seconds: int | None
    idempotency_token: str | None
