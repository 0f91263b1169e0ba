"""Checks that what a task's libraries ask for is in the Python environment that it runs in."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import PurePosixPath

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, parse_wheel_filename


class LibraryMissing(RuntimeError):
    """A task asks for a library that is not installed; the message names each."""


def check_requirements(requirements: Sequence[str]) -> None:
    """Compare requirements with what is installed here.

    A cluster installs a task's libraries before the task starts. The embedded workspace runs tasks
    in its own environment, which it does not change: what is asked for must be there already.

    Args:
        requirements: Paths of wheels, and requirements as pip takes them.

    Raises:
        LibraryMissing: One is absent, has another version, or is of a kind that is not supported.
    """
    problems = [problem for text in requirements if (problem := _problem(text)) is not None]
    if problems:
        raise LibraryMissing("; ".join(problems))


def _problem(text: str) -> str | None:
    try:
        requirement = _wheel_requirement(text) if text.endswith(".whl") else Requirement(text)
    except (InvalidRequirement, InvalidWheelFilename) as error:
        return f"{text!r} is neither a wheel nor a requirement that pip takes ({error})"
    try:
        installed = version(requirement.name)
    except PackageNotFoundError:
        return f"{requirement} is not installed: pip install '{requirement}'"
    if not requirement.specifier.contains(installed, prereleases=True):
        return f"{requirement} is asked for and {installed} is installed"
    return None


def _wheel_requirement(path: str) -> Requirement:
    name, wheel_version, _, _ = parse_wheel_filename(PurePosixPath(path).name)
    return Requirement(f"{name}=={wheel_version}")
