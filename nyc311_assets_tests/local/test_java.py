from __future__ import annotations

from pathlib import Path

import pytest

from nyc311_assets.local.java import JavaMissing, find_java, install_command


def java_runtime(home: Path, script: str) -> Path:
    """Make a runtime whose `java` is a shell script."""
    executable = home / "bin" / "java"
    executable.parent.mkdir(parents=True)
    executable.write_text(f"#!/bin/sh\n{script}\n")
    executable.chmod(0o755)
    return executable


def says(version: str) -> str:
    return f"echo 'openjdk version \"{version}\" 2025-04-15' >&2"


def test_the_java_of_this_machine_is_found() -> None:
    java = find_java()
    assert (java.home / "bin" / "java").exists()
    assert str(java).startswith(f"Java {java.version} at /")


def test_java_home_comes_before_the_path(tmp_path: Path) -> None:
    java_runtime(tmp_path / "home", says("21.0.1"))
    on_path = java_runtime(tmp_path / "path", says("17.0.15"))
    environment = {"PATH": str(on_path.parent)}
    assert find_java(environment).version == 17
    java = find_java(environment | {"JAVA_HOME": str(tmp_path / "home")})
    assert (java.version, java.home) == (21, tmp_path / "home")


def test_a_link_is_followed_to_the_runtime(tmp_path: Path) -> None:
    real = java_runtime(tmp_path / "jvm", says("17.0.15"))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").symlink_to(real)
    assert find_java({"PATH": str(tmp_path / "bin")}).home == tmp_path / "jvm"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (says("1.8.0_442"), "is Java 8"),
        (says("11.0.2"), "is Java 11"),
        ("echo nonsense >&2", "does not tell its version; it said: 'nonsense'"),
        ("exit 2", "does not start"),
    ],
)
def test_a_java_that_does_not_serve_is_named_with_the_remedy(
    tmp_path: Path, script: str, message: str
) -> None:
    executable = java_runtime(tmp_path, script)
    with pytest.raises(JavaMissing) as error:
        find_java({"JAVA_HOME": str(tmp_path)})
    assert message in str(error.value)
    assert f"{executable} (from JAVA_HOME={tmp_path})" in str(error.value)
    assert "To install it: " in str(error.value)


def test_a_machine_without_java_is_told_how_to_install_it(tmp_path: Path) -> None:
    with pytest.raises(JavaMissing, match=r"there is none on the PATH\. To install it: "):
        find_java({"PATH": str(tmp_path)})
    with pytest.raises(JavaMissing, match="does not start"):
        find_java({"JAVA_HOME": str(tmp_path)})


@pytest.mark.parametrize(
    ("system", "distribution", "command"),
    [
        ("Linux", "debian ", "sudo apt-get install -y openjdk-17-jre-headless"),
        ("Linux", "linuxmint ubuntu debian", "sudo apt-get install -y openjdk-17-jre-headless"),
        ("Linux", "fedora ", "sudo dnf install -y java-17-openjdk-headless"),
        ("Linux", "rocky rhel centos fedora", "sudo dnf install -y java-17-openjdk-headless"),
        ("Linux", "alpine ", "install OpenJDK 17 with the system's package manager"),
        ("Darwin", "", "brew install openjdk@17"),
        ("Windows", "", "winget install EclipseAdoptium.Temurin.17.JDK"),
    ],
)
def test_every_system_has_its_install_command(system: str, distribution: str, command: str) -> None:
    assert install_command(system, distribution) == command
