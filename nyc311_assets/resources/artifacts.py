"""What a workspace needs of this package, and where in its Volume that lies."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from nyc311_assets import jobs

PACKAGE = "nyc311_assets"
# The catalogs of infrastructure/databricks/databricks.yml.
CATALOGS: Mapping[str, str] = {"dev": "nyc311_dev", "prod": "nyc311_prod"}
VOLUME = "ops/files"
_IS_ENTRY = 'if __name__ == "__main__":'


class NothingToBuild(RuntimeError):
    """The package's source is not where it was looked for, or does not make a wheel."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file for the Volume.

    Attributes:
        path: Where it goes.
        content: What is in it.
    """

    path: str
    content: bytes


def volume_of(target: str) -> str:
    """The Volume of a target's catalog.

    Args:
        target: One of `CATALOGS`.
    """
    catalog = CATALOGS[target]
    return f"/Volumes/{catalog}/{VOLUME}"


def entries_path(volume_path: str) -> str:
    """Folder of the job entries in a Volume."""
    return f"{volume_path}/jobs"


def wheel_path(volume_path: str) -> str:
    """The package's wheel in a Volume."""
    return f"{volume_path}/wheels/{PACKAGE}-{version(PACKAGE)}-py3-none-any.whl"


def build(source: Path, volume_path: str) -> Sequence[Artifact]:
    """Build the wheel and gather the job entries; the same source makes the same bytes.

    Args:
        source: Folder of the package's pyproject.toml.
        volume_path: The Volume that they are for.

    Returns:
        The wheel first: a job that starts in between finds what its entry imports.

    Raises:
        NothingToBuild: There is no such source, or it is another version than the one installed.
    """
    folder = Path(jobs.__file__).parent
    entries = [
        Artifact(f"{entries_path(volume_path)}/{path.name}", path.read_bytes())
        for path in sorted(folder.glob("*.py"))
        if _IS_ENTRY in path.read_text("utf-8")
    ]
    return [Artifact(wheel_path(volume_path), _wheel(source)), *entries]


def _wheel(source: Path) -> bytes:
    # What only a deployment needs.
    from hatchling.builders.wheel import WheelBuilder  # noqa: PLC0415
    from hatchling.metadata.core import ProjectMetadata  # noqa: PLC0415
    from hatchling.plugin.manager import PluginManager  # noqa: PLC0415

    if not (source / "pyproject.toml").is_file():
        raise NothingToBuild(
            f"There is no pyproject.toml in {source}: run this in a checkout of the project, or "
            "name its folder with --source."
        )
    plugins = PluginManager()
    metadata = ProjectMetadata(str(source), plugins)
    if metadata.name.replace("-", "_") != PACKAGE or metadata.version != version(PACKAGE):
        raise NothingToBuild(
            f"{source} holds {metadata.name} {metadata.version}, and {PACKAGE} {version(PACKAGE)} "
            "is installed here: install that source (pip install --editable), or name another "
            "one with --source."
        )
    builder = WheelBuilder(str(source), plugin_manager=plugins, metadata=metadata)
    with tempfile.TemporaryDirectory() as folder:
        [built] = builder.build(directory=folder, versions=["standard"])
        return Path(built).read_bytes()
