"""A folder in a Volume for the time of one step, through the workspace's Files API."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import dagster as dg
from dagster_pipes import PipesContextData, PipesDefaultContextLoader, PipesParams
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import NotFound

from nyc311_assets.resources.workspace_errors import (
    WorkspaceError,
    WorkspaceUnreachable,
    workspace_calls,
)


class Volume:
    """Reads and writes small texts in a Volume."""

    def __init__(self, client: WorkspaceClient, path: str, log: logging.Logger) -> None:
        """Describe a Volume.

        Args:
            client: The workspace that has it.
            path: Its folder, `/Volumes/catalog/schema/volume`.
            log: Where it says what it could not clear away.
        """
        self._files = client.files
        self._host = client.config.host or ""
        self._path = path
        self._log = log

    @contextmanager
    def temporary_folder(self) -> Iterator[str]:
        """Make a folder, and remove it with its files when the block ends.

        What remains of it harms nobody, so that a failed removal is a warning: it must hide neither
        the block's result nor its exception.

        Raises:
            WorkspaceError: The folder could not be made.
        """
        folder = f"{self._path}/pipes/{uuid4().hex}"
        with workspace_calls(self._host):
            self._files.create_directory(folder)
        try:
            yield folder
        except WorkspaceUnreachable:
            # Whoever does not answer cannot remove it, and would be waited for once more.
            self._warn(folder, "the workspace does not answer")
            raise
        except BaseException:
            self._remove(folder)
            raise
        self._remove(folder)

    def read(self, path: str) -> str | None:
        """Return a file's text, or None if there is no such file.

        Raises:
            WorkspaceError: It could not be read.
        """
        with workspace_calls(self._host):
            try:
                contents = self._files.download(path).contents
            except NotFound:
                return None
            if contents is None:
                return None
            with contents:
                return contents.read().decode("utf-8")

    def write(self, path: str, text: str) -> None:
        """Write a file, whole.

        Raises:
            WorkspaceError: It could not be written.
        """
        with workspace_calls(self._host):
            self._files.upload(path, io.BytesIO(text.encode("utf-8")), overwrite=True)

    def _remove(self, folder: str) -> None:
        try:
            with workspace_calls(self._host):
                for entry in self._files.list_directory_contents(folder):
                    if entry.path:
                        self._files.delete(entry.path)
                self._files.delete_directory(folder)
        except WorkspaceError as error:
            self._warn(folder, str(error))

    def _warn(self, folder: str, reason: str) -> None:
        self._log.warning(f"The folder {folder} could not be removed and may be deleted: {reason}")


class VolumeContextInjector(dg.PipesContextInjector):
    """Hands the job its context as a file in the Volume.

    The stock injector raises when it cannot clear up, in place of the step's result or of the
    interruption that ended it.
    """

    def __init__(self, volume: Volume) -> None:
        """Create an injector.

        Args:
            volume: Where the file goes.
        """
        self._volume = volume

    @contextmanager
    def inject_context(self, context_data: PipesContextData) -> Iterator[PipesParams]:
        """Write the context's file; it is there until the block ends.

        Raises:
            WorkspaceError: It could not be written.
        """
        with self._volume.temporary_folder() as folder:
            path = f"{folder}/context.json"
            self._volume.write(path, json.dumps(context_data))
            yield {PipesDefaultContextLoader.FILE_PATH_KEY: path}

    def no_messages_debug_text(self) -> str:
        """What to look at when no message came."""
        return (
            "Wrote the context to a file in the Volume. The job must read it with "
            "nyc311_assets.jobs.session.open_job, and the Volume must be mounted on its cluster."
        )
