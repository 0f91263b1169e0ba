"""Reads a `runs/submit` request as strictly as Databricks does."""

from __future__ import annotations

import dataclasses
import enum
import functools
import inspect
import types
import typing
from collections.abc import Mapping
from typing import Any

from databricks.sdk.service import compute, jobs

from nyc311_assets.local.api.errors import invalid_parameter
from nyc311_assets.local.tasks import ComputeKind, RunSpecification, TaskSpecification

_IDEMPOTENCY_TOKEN_LIMIT = 64
_TASK_LIMIT = 100
_COMPUTE_FIELDS: dict[str, ComputeKind] = {
    "new_cluster": "new_cluster",
    "existing_cluster_id": "existing_cluster",
    "environment_key": "serverless",
}
_LIBRARY_KINDS = {"whl", "pypi"}


def read_submission(body: Mapping[str, Any], cluster_id: str) -> RunSpecification:
    """Return what a `runs/submit` body asks for.

    The SDK's classes say which fields there are and of which type; everything else is refused,
    at every depth, as the real service does.

    Args:
        body: The request.
        cluster_id: The id of the one existing cluster.

    Raises:
        ApiError: A field is unknown, missing or wrong, or asks for what does not exist here.
    """
    _check_object(body, _submit_fields(), "")
    if "git_source" in body:
        raise _unsupported("git_source")
    token = body.get("idempotency_token")
    if token is not None and len(token) > _IDEMPOTENCY_TOKEN_LIMIT:
        raise invalid_parameter(
            f"idempotency_token has {len(token)} characters; at most {_IDEMPOTENCY_TOKEN_LIMIT} are allowed."
        )
    tasks = body.get("tasks") or []
    if not tasks or len(tasks) > _TASK_LIMIT:
        raise invalid_parameter(f"A run has 1 to {_TASK_LIMIT} tasks; this one has {len(tasks)}.")
    environments = _environments(body.get("environments") or [])
    specifications = tuple(_read_task(task, environments, cluster_id) for task in tasks)
    _check_graph(specifications)
    return RunSpecification(
        name=body.get("run_name") or "Untitled",
        tasks=specifications,
        timeout_seconds=_timeout(body, "timeout_seconds"),
        idempotency_token=token,
    )


def _read_task(
    task: Mapping[str, Any], environments: Mapping[str, tuple[str, ...]], cluster_id: str
) -> TaskSpecification:
    key = task["task_key"]
    path = f"tasks[{key}]"
    kinds = sorted(name for name in task if name.endswith("_task"))
    if kinds != ["spark_python_task"]:
        raise invalid_parameter(
            f"{path}: the embedded workspace runs spark_python_task and nothing else; "
            f"this task has {', '.join(kinds) or 'none'}."
        )
    if task.get("run_if", "ALL_SUCCESS") != "ALL_SUCCESS":
        raise _unsupported(f"{path}.run_if={task['run_if']}")
    script = task["spark_python_task"]
    if script.get("source", "WORKSPACE") != "WORKSPACE":
        raise _unsupported(f"{path}.spark_python_task.source={script['source']}")
    kind = _compute_kind(task, path, cluster_id)
    requirements = _library_requirements(task.get("libraries") or [], path)
    if kind == "serverless":
        if requirements:
            raise invalid_parameter(
                f"{path}: libraries are not supported with environment_key; "
                "put them into the environment's dependencies."
            )
        requirements = _environment_requirements(task["environment_key"], environments, path)
    cluster = task.get("new_cluster") or {}
    return TaskSpecification(
        key=key,
        compute_kind=kind,
        python_file=script["python_file"],
        parameters=tuple(script.get("parameters") or ()),
        environment_variables=dict(cluster.get("spark_env_vars") or {}),
        requirements=requirements,
        depends_on=tuple(upstream["task_key"] for upstream in task.get("depends_on") or ()),
        timeout_seconds=_timeout(task, f"{path}.timeout_seconds"),
        request=dict(task),
    )


def _compute_kind(task: Mapping[str, Any], path: str, cluster_id: str) -> ComputeKind:
    given = [name for name in _COMPUTE_FIELDS if name in task]
    if len(given) != 1:
        raise invalid_parameter(
            f"{path}: exactly one of {', '.join(_COMPUTE_FIELDS)} must be given; "
            f"this task has {', '.join(given) or 'none'}."
        )
    if given == ["existing_cluster_id"] and task["existing_cluster_id"] != cluster_id:
        raise invalid_parameter(
            f"{path}: Cluster {task['existing_cluster_id']} does not exist; "
            f"the embedded workspace has one, {cluster_id}."
        )
    if given == ["new_cluster"]:
        cluster = task["new_cluster"]
        if not cluster.get("spark_version"):
            raise invalid_parameter(f"Missing required field: {path}.new_cluster.spark_version")
        if "num_workers" in cluster and "autoscale" in cluster:
            raise invalid_parameter(
                f"{path}.new_cluster: only one of num_workers and autoscale may be given."
            )
    return _COMPUTE_FIELDS[given[0]]


def _library_requirements(libraries: list[Mapping[str, Any]], path: str) -> tuple[str, ...]:
    """Return what the task's libraries require of the Python environment it runs in."""
    requirements = []
    for index, library in enumerate(libraries):
        if len(library) != 1:
            raise invalid_parameter(f"{path}.libraries[{index}]: exactly one kind must be given.")
        ((kind, value),) = library.items()
        if kind not in _LIBRARY_KINDS:
            raise _unsupported(f"{path}.libraries[{index}].{kind}")
        requirements.append(value["package"] if kind == "pypi" else value)
    return tuple(requirements)


def _environments(environments: list[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Return the dependencies of each environment, by its key."""
    dependencies = {}
    for environment in environments:
        key = environment["environment_key"]
        spec = environment.get("spec") or {}
        if key in dependencies:
            raise invalid_parameter(f"environments: {key} is there twice.")
        if not (spec.get("client") or spec.get("environment_version")):
            raise invalid_parameter(
                f"environments[{key}].spec: one of client and environment_version is required."
            )
        dependencies[key] = tuple(spec.get("dependencies") or ())
    return dependencies


def _environment_requirements(
    key: str, environments: Mapping[str, tuple[str, ...]], path: str
) -> tuple[str, ...]:
    if key not in environments:
        raise invalid_parameter(
            f"{path}: environment_key {key} is not among the run's environments "
            f"({', '.join(environments) or 'there are none'})."
        )
    return environments[key]


def _check_graph(tasks: tuple[TaskSpecification, ...]) -> None:
    """Refuse repeated keys, unknown upstream tasks and circles."""
    waiting = {task.key: set(task.depends_on) for task in tasks}
    if len(waiting) != len(tasks):
        raise invalid_parameter("tasks: every task_key must be unique within the run.")
    unknown = sorted({key for keys in waiting.values() for key in keys} - set(waiting))
    if unknown:
        raise invalid_parameter(f"tasks: depends_on names {', '.join(unknown)}, which is no task.")
    while waiting:
        ready = [key for key, upstream in waiting.items() if not upstream & set(waiting)]
        if not ready:
            raise invalid_parameter(f"tasks: {', '.join(sorted(waiting))} depend on each other.")
        for key in ready:
            del waiting[key]


def _timeout(body: Mapping[str, Any], path: str) -> int | None:
    """Return a timeout in seconds; 0 means none, as on Databricks."""
    seconds = body.get("timeout_seconds") or None
    if seconds is not None and seconds < 0:
        raise invalid_parameter(f"{path} must not be negative.")
    return seconds


def _unsupported(what: str) -> Exception:
    return invalid_parameter(f"{what} is not supported by the embedded workspace.")


@functools.cache
def _submit_fields() -> dict[str, Any]:
    """Return the fields of `runs/submit`, with their types, from the SDK's own method."""
    names = inspect.signature(jobs.JobsAPI.submit).parameters.keys() - {"self"}
    hints = typing.get_type_hints(jobs.JobsAPI.submit, vars(jobs) | {"compute": compute})
    return {name: hints[name] for name in names}


@functools.cache
def _class_fields(of: type) -> dict[str, Any]:
    return typing.get_type_hints(of)


def _check_object(value: Any, fields: Mapping[str, Any], path: str) -> None:
    if not isinstance(value, Mapping):
        raise invalid_parameter(f"{path or 'The request'} must be an object.")
    prefix = f"{path}." if path else ""
    unknown = sorted(set(value) - set(fields))
    if unknown:
        raise invalid_parameter(
            "Unknown field: " + ", ".join(f"{prefix}{name}" for name in unknown)
        )
    for name, expected in fields.items():
        if name in value:
            _check(value[name], expected, f"{prefix}{name}")
        elif not _is_optional(expected):
            raise invalid_parameter(f"Missing required field: {prefix}{name}")


def _check(value: Any, expected: Any, path: str) -> None:
    """Compare a value with a type of the SDK: class, enumeration, list, dictionary or scalar."""
    origin, arguments = typing.get_origin(expected), typing.get_args(expected)
    if origin in {typing.Union, types.UnionType}:
        if value is not None:
            (inner,) = (argument for argument in arguments if argument is not type(None))
            _check(value, inner, path)
    elif origin is list:
        _expect(isinstance(value, list), path, "a list")
        for index, item in enumerate(value):
            _check(item, arguments[0], f"{path}[{index}]")
    elif origin is dict:
        _expect(isinstance(value, dict), path, "an object")
        for name, item in value.items():
            _check(item, arguments[1], f"{path}.{name}")
    elif dataclasses.is_dataclass(expected):
        _check_object(value, _class_fields(typing.cast("type", expected)), path)
    else:
        _check_scalar(value, expected, path)


def _check_scalar(value: Any, expected: Any, path: str) -> None:
    if isinstance(expected, type) and issubclass(expected, enum.Enum):
        names = [member.value for member in expected]
        _expect(value in names, path, f"one of {', '.join(names)}")
    elif expected is str:
        _expect(isinstance(value, str), path, "a text")
    elif expected is bool:
        _expect(isinstance(value, bool), path, "a boolean")
    elif expected in {int, float}:
        is_number = isinstance(value, int if expected is int else (int, float))
        _expect(is_number and not isinstance(value, bool), path, "a number")


def _expect(holds: bool, path: str, what: str) -> None:
    if not holds:
        raise invalid_parameter(f"{path} must be {what}.")


def _is_optional(expected: Any) -> bool:
    return type(None) in typing.get_args(expected)
