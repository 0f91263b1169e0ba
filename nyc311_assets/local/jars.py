"""Delta Lake's jars: pinned, fetched once by Spark's own resolver, and kept in the environment."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from nyc311_assets.local.java import Java, find_java
from nyc311_assets.local.spark_home import find_spark_home, spark_environment

DELTA_COORDINATE = "io.delta:delta-spark_4.1_2.13:4.4.0"
_RESOLVE_TIMEOUT_SECONDS = 600
_LOCK_TIMEOUT_SECONDS = 900
_SHOWN_LINES = 12


class JarsMissing(RuntimeError):
    """Delta's jars could not be had; the message names the cause and the remedy."""


@dataclass(frozen=True)
class Jar:
    """A pinned jar, named as Spark's resolver names it: `group_artifact-version.jar`."""

    name: str
    size_bytes: int
    sha256: str


# What delta-spark needs beside the jars that come with pyspark. The rest of its dependencies
# (hadoop, jackson, parquet, log4j, ...) is already there in newer versions, and an older jackson
# put before it breaks Spark.
PINNED_JARS = (
    Jar(
        "io.delta_delta-spark_4.1_2.13-4.4.0.jar",
        9471929,
        "75a9400986853c061f5109f012547de2545a5759e5e752e5ef633dabe16a4f10",
    ),
    Jar(
        "io.delta_delta-storage-4.4.0.jar",
        113863,
        "c46735481fa8e326b0957be02b4420cbcab4b325bb08009b7f2045a95133f1cc",
    ),
    Jar(
        "io.delta_delta-kernel-api-4.4.0.jar",
        2838619,
        "ee9b5a14ac3b7efdff4d61a58478fe8eb0e5a3fbca43889dca7290795fe79a11",
    ),
    Jar(
        "io.delta_delta-kernel-defaults-4.4.0.jar",
        227185,
        "225c975199e4718b38ee5b7e6da7f19e9585024262b2cec2656b32151a856b0b",
    ),
    Jar(
        "io.delta_delta-kernel-unitycatalog-4.4.0.jar",
        43048,
        "cea22dfb4ac562b3cd27bf652697750e8336009d73fb06631363aaaad5345ffa",
    ),
    Jar(
        "io.unitycatalog_unitycatalog-client-0.6.0.jar",
        564136,
        "48257499a86b801a3e2372cec55ac226ca1c1c7eabe5c118e7302f29a1fdbc19",
    ),
    Jar(
        "io.unitycatalog_unitycatalog-hadoop-0.6.0.jar",
        78389,
        "c47b63c961c87102b9e1d63809a0915ba4c86b7652f57c8d39ca3a05b441a150",
    ),
    Jar(
        "org.locationtech.jts_jts-core-1.20.0.jar",
        1239978,
        "6a783d8f9dba3d3cf7265435f134402f63c05838aa6cbcc4297ad3a5b2842baf",
    ),
    Jar(
        "org.roaringbitmap_RoaringBitmap-0.9.25.jar",
        428511,
        "73f8e24f636a1ba6509decacbb5605c833eb5ead6db3971722ffcc2543b3e393",
    ),
    Jar(
        "org.roaringbitmap_shims-0.9.25.jar",
        2543,
        "0b82ed6cb1caf0706304b42358d568eb6faf190eadea7f2b2d365cb63156b40d",
    ),
)
_EXCLUDED_ARTIFACTS = (
    "com.fasterxml.jackson.core:jackson-annotations",
    "com.fasterxml.jackson.core:jackson-core",
    "com.fasterxml.jackson.datatype:jackson-datatype-jdk8",
    "com.github.luben:zstd-jni",
    "com.google.code.findbugs:jsr305",
    "commons-pool:commons-pool",
    "io.airlift:aircompressor",
    "javax.annotation:javax.annotation-api",
    "org.apache.logging.log4j:log4j-api",
    "org.apache.logging.log4j:log4j-core",
    "org.apache.logging.log4j:log4j-slf4j2-impl",
    "org.slf4j:slf4j-api",
    "org.xerial.snappy:snappy-java",
)


def jars_folder(prefix: Path | None = None) -> Path:
    """Return the folder of the jars inside an environment, by default this one."""
    version = DELTA_COORDINATE.rpartition(":")[2]
    return (prefix or Path(sys.prefix)) / "share" / "nyc311" / "jars" / f"delta-{version}"


def jar_paths(folder: Path) -> tuple[Path, ...]:
    """Return the paths of the pinned jars, in class path order."""
    return tuple(folder / jar.name for jar in PINNED_JARS)


def missing_jars(prefix: Path | None = None) -> tuple[str, ...]:
    """Return the names of the pinned jars that an environment lacks or has with another size.

    This takes less than a millisecond; their contents were verified when they were installed.
    """
    folder = jars_folder(prefix)
    return tuple(
        jar.name for jar in PINNED_JARS if not _has_size(folder / jar.name, jar.size_bytes)
    )


def ensure_jars(progress: Callable[[str], None] | None = None, prefix: Path | None = None) -> Path:
    """Return the folder of Delta's jars; fetch and verify them first if they are not there.

    Args:
        progress: Told, in a sentence, what is going on when it takes time.
        prefix: Root of the environment that keeps them; by default this one.

    Raises:
        JarsMissing: They cannot be fetched, or are not the pinned ones.
        JavaMissing: They must be fetched and there is no Java to do it.
    """
    folder = jars_folder(prefix)
    if not missing_jars(prefix):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / "lock", timeout=_LOCK_TIMEOUT_SECONDS):
        if missing_jars(prefix):
            if progress is not None:
                progress(f"Fetching Delta Lake's jars ({DELTA_COORDINATE})")
            _install(folder, find_java())
    return folder


def verify_jars(folder: Path) -> None:
    """Compare every jar of a folder with its pinned checksum.

    Raises:
        JarsMissing: One is absent or differs.
    """
    for jar in PINNED_JARS:
        path = folder / jar.name
        if not path.is_file():
            raise JarsMissing(f"{DELTA_COORDINATE} was resolved without {jar.name}: {path}")
        with path.open("rb") as content:
            sha256 = hashlib.file_digest(content, "sha256").hexdigest()
        if sha256 != jar.sha256:
            raise JarsMissing(
                f"{jar.name} is not the pinned file: its SHA-256 is {sha256}, not {jar.sha256}. "
                "The repository that Spark's resolver uses serves something else; check it, then try again."
            )


def _has_size(path: Path, size_bytes: int) -> bool:
    try:
        return path.stat().st_size == size_bytes
    except (FileNotFoundError, NotADirectoryError):
        return False


def _install(folder: Path, java: Java) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetch-") as scratch_name:
        scratch = Path(scratch_name)
        _resolve(scratch, java)
        resolved = scratch / "ivy" / "jars"
        verify_jars(resolved)
        staged = scratch / "staged"
        staged.mkdir()
        for jar in PINNED_JARS:
            shutil.copyfile(resolved / jar.name, staged / jar.name)
        if folder.exists():
            shutil.rmtree(folder)
        staged.replace(folder)


def _resolve(scratch: Path, java: Java) -> None:
    """Let spark-submit resolve the packages for an application that does nothing."""
    application = scratch / "nothing.py"
    application.write_text("")
    command = [
        str(find_spark_home() / "bin" / "spark-submit"),
        "--packages",
        DELTA_COORDINATE,
        "--exclude-packages",
        ",".join(_EXCLUDED_ARTIFACTS),
        "--conf",
        f"spark.jars.ivy={scratch / 'ivy'}",
        str(application),
    ]
    try:
        answer = subprocess.run(
            command,
            env=spark_environment(os.environ, java),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_RESOLVE_TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise JarsMissing(_failure(f"took over {_RESOLVE_TIMEOUT_SECONDS} s", "")) from error
    if answer.returncode != 0:
        raise JarsMissing(_failure(f"failed with exit code {answer.returncode}", answer.stdout))


def _failure(what: str, output: str) -> str:
    shown = "\n".join(output.splitlines()[-_SHOWN_LINES:])
    return (
        f"Fetching {DELTA_COORDINATE} {what}. It comes from Maven Central once, and is then kept: "
        "check the network, or set DEFAULT_ARTIFACT_REPOSITORY (Spark's own variable) to the address "
        f"of a mirror.\n{shown}".rstrip()
    )
