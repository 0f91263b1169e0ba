"""Where the embedded workspace keeps its things in a home folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class WorkspacePaths:
    """Files and folders of one home.

    Attributes:
        home: The home folder, absolute.
    """

    home: Path

    @classmethod
    def of(cls, home: Path) -> WorkspacePaths:
        """Return the paths of a home, which need not exist."""
        return cls(home.expanduser().absolute())

    @property
    def folder(self) -> Path:
        """Everything of the workspace but the Volume."""
        return self.home / "workspace"

    @property
    def volumes(self) -> Path:
        """The Volume."""
        return self.home / "volumes"

    @property
    def state(self) -> Path:
        """The running server's address and token; only this user can read it."""
        return self.folder / "server.json"

    @property
    def start_lock(self) -> Path:
        """Held while a server is looked for and started."""
        return self.folder / "start.lock"

    @property
    def server_lock(self) -> Path:
        """Held by the server as long as it lives; the system frees it when it dies."""
        return self.folder / "server.lock"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.folder / "server.log"

    @property
    def runs(self) -> Path:
        """A folder per task run."""
        return self.folder / "runs"

    @property
    def spark(self) -> Path:
        """Spark's scratch files and log."""
        return self.folder / "spark"

    @property
    def feed(self) -> Path:
        """The feed's log."""
        return self.folder / "feed"

    def create(self) -> None:
        """Make the folders; only this user may look into the workspace's."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.volumes.mkdir(exist_ok=True)
