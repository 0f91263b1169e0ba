"""The environment variables that a task sees."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

# What a program needs to run at all, to reach the network through a proxy, and what stands in for
# a cluster's instance profile and its MLflow. Nothing else gets through: a job that needs a setting
# has to be given it, as on Databricks.
_NAMES = frozenset(
    {
        "HOME",
        "LANG",
        "LOGNAME",
        "PATH",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "TMPDIR",
        "TZ",
        "USER",
        "VIRTUAL_ENV",
    }
    | {name for proxy in ("HTTP", "HTTPS", "NO") for name in (f"{proxy}_PROXY", f"{proxy}_proxy")}
    | {"http_proxy", "https_proxy", "no_proxy"}
)
_PREFIXES = ("AWS_", "COVERAGE_", "LC_", "MLFLOW_")


def task_environment(
    server: Mapping[str, str], *, variables: Mapping[str, str], spark_remote: str
) -> dict[str, str]:
    """Return a task's whole environment.

    Args:
        server: The server's own environment, of which a few variables are passed on: what programs
            need to run (PATH, HOME, locale, temporary folder), proxies and certificates, AWS_*,
            MLFLOW_*.
        variables: The task's `spark_env_vars`, secrets resolved.
        spark_remote: Where Spark is.
    """
    kept = {
        name: value
        for name, value in server.items()
        if name in _NAMES or name.startswith(_PREFIXES)
    }
    return {
        **kept,
        "PATH": _path_with_python(kept.get("PATH", "")),
        "PYTHONUNBUFFERED": "1",
        **variables,
        "SPARK_REMOTE": spark_remote,
        "PYSPARK_PYTHON": sys.executable,
    }


def _path_with_python(path: str) -> str:
    """Put the interpreter's folder first, as an activated environment would."""
    return ":".join(part for part in (str(Path(sys.executable).parent), path) if part)
