"""Finds the Java runtime that Spark needs."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MINIMUM_JAVA_VERSION = 17
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')
_VERSION_TIMEOUT_SECONDS = 20


class JavaMissing(RuntimeError):
    """No Java of the needed version; the message names the command that installs one."""


@dataclass(frozen=True)
class Java:
    """A Java runtime.

    Attributes:
        home: What `JAVA_HOME` must be for Spark to use it.
        version: Feature version, such as 17.
    """

    home: Path
    version: int

    def __str__(self) -> str:
        return f"Java {self.version} at {self.home}"


def find_java(environment: Mapping[str, str] | None = None) -> Java:
    """Find Java 17 or newer: `JAVA_HOME` first, then `PATH`.

    Args:
        environment: Environment to look in; by default this process's own.

    Raises:
        JavaMissing: There is none, it is too old, or it does not start.
    """
    environment = os.environ if environment is None else environment
    java_home = environment.get("JAVA_HOME")
    if java_home:
        executable: str | None = str(Path(java_home) / "bin" / "java")
        origin = f"JAVA_HOME={java_home}"
    else:
        executable = shutil.which("java", path=environment.get("PATH", ""))
        origin = "PATH"
    if executable is None:
        raise JavaMissing(f"Spark needs Java, and there is none on the PATH. {_remedy()}")
    version = _version(executable, origin)
    if version < MINIMUM_JAVA_VERSION:
        raise JavaMissing(
            f"Spark needs Java {MINIMUM_JAVA_VERSION} or newer, and {executable} (from {origin}) "
            f"is Java {version}. {_remedy()}"
        )
    return Java(home=_home_of(Path(executable)), version=version)


def install_command(system: str, distribution: str = "") -> str:
    """Return the command that installs Java on a system.

    Args:
        system: As `platform.system()` names it: Linux, Darwin, Windows.
        distribution: On Linux, the identifiers of os-release (`ID` and `ID_LIKE`).
    """
    if system == "Darwin":
        return "brew install openjdk@17"
    if system == "Windows":
        return "winget install EclipseAdoptium.Temurin.17.JDK"
    families = distribution.split()
    if "debian" in families or "ubuntu" in families:
        return "sudo apt-get install -y openjdk-17-jre-headless"
    if "fedora" in families or "rhel" in families:
        return "sudo dnf install -y java-17-openjdk-headless"
    return "install OpenJDK 17 with the system's package manager"


def _remedy() -> str:
    command = install_command(platform.system(), _distribution())
    return f"To install it: {command} (or set JAVA_HOME to a Java {MINIMUM_JAVA_VERSION} or newer)."


def _distribution() -> str:
    if platform.system() != "Linux":
        return ""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return ""
    return f"{release.get('ID', '')} {release.get('ID_LIKE', '')}"


def _version(executable: str, origin: str) -> int:
    try:
        answer = subprocess.run(
            [executable, "-version"],
            capture_output=True,
            text=True,
            check=True,
            timeout=_VERSION_TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise JavaMissing(
            f"Spark needs Java, and {executable} (from {origin}) does not start: {error}. {_remedy()}"
        ) from error
    match = _VERSION.search(answer.stderr) or _VERSION.search(answer.stdout)
    if match is None:
        raise JavaMissing(
            f"{executable} (from {origin}) does not tell its version; "
            f"it said: {(answer.stderr or answer.stdout).strip()!r}. {_remedy()}"
        )
    return int(match.group(1))


def _home_of(executable: Path) -> Path:
    """Follow links such as /usr/bin/java to the runtime they belong to.

    macOS's /usr/bin/java is a launcher that finds the runtime by itself; its folder serves as well,
    as Spark only ever calls $JAVA_HOME/bin/java.
    """
    return executable.resolve().parent.parent
