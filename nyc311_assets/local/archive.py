"""The class data archive: Java's memory of Spark's loaded classes, which halves Spark's start."""

from __future__ import annotations

import hashlib
from pathlib import Path

from nyc311_assets.local.java import find_java
from nyc311_assets.local.spark_home import find_spark_home


def archive_path(jars: Path) -> Path:
    """Return the archive's path, which differs for every Java, Spark and set of jars.

    Java itself checks an archive against the class path's files as well, and passes over one that
    does not fit.
    """
    java = find_java()
    spark_jars = sorted(path.name for path in (find_spark_home() / "jars").iterdir())
    release = java.home / "release"
    identity = "\n".join(
        [
            str(java.home),
            release.read_text() if release.exists() else str(java.version),
            str(find_spark_home()),
            str(jars),
            *spark_jars,
        ]
    )
    return jars.parent / f"spark-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.jsa"
