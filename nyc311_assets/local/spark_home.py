"""Where pyspark keeps Spark, and a clean environment to start its programs in."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path

from nyc311_assets.local.java import Java

_SPARK_PREFIXES = ("SPARK_", "PYSPARK_", "HADOOP_", "HIVE_", "YARN_", "_SPARK_")


class SparkMissing(RuntimeError):
    """pyspark is not installed."""


def find_spark_home() -> Path:
    """Return the Spark that comes with the installed pyspark, without importing it.

    Raises:
        SparkMissing: pyspark is not installed.
    """
    package = importlib.util.find_spec("pyspark")
    if package is None or package.origin is None:
        raise SparkMissing("pyspark is not installed: pip install 'nyc311_assets[orchestrator]'")
    return Path(package.origin).parent


def spark_environment(base: Mapping[str, str], java: Java) -> dict[str, str]:
    """Return `base` without settings of other Sparks, so that only this one's are in force."""
    kept = {name: value for name, value in base.items() if not name.startswith(_SPARK_PREFIXES)}
    return kept | {
        "SPARK_HOME": str(find_spark_home()),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "JAVA_HOME": str(java.home),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
    }
