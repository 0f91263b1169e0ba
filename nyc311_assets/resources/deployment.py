"""Brings the package's files into a workspace's Volume; what is there already stays as it is."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import NotFound

from nyc311_assets.resources.artifacts import Artifact
from nyc311_assets.resources.workspace_errors import WorkspaceRefused, workspace_calls


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a deployment did.

    Attributes:
        uploaded: Files that were new or differed.
        unchanged: Files that were there.
    """

    uploaded: Sequence[str]
    unchanged: Sequence[str]


def deploy(
    client: WorkspaceClient,
    volume_path: str,
    artifacts: Sequence[Artifact],
    *,
    tell: Callable[[str], None],
) -> Deployment:
    """Upload the artifacts that differ from what the Volume holds, in their order.

    A deployment that was cut off is completed by the next one.

    Args:
        client: The workspace.
        volume_path: The Volume; it must be there.
        artifacts: The files.
        tell: Told of each file.

    Raises:
        WorkspaceRefused: There is no such Volume, or the workspace refused.
        WorkspaceUnreachable: It did not answer.
    """
    host = client.config.host or ""
    with workspace_calls(host):
        try:
            client.files.get_directory_metadata(volume_path)
        except NotFound as error:
            raise WorkspaceRefused(
                f"{host} has no Volume {volume_path}: `databricks bundle deploy` makes it "
                "(docs/deploy.md), or name another one with NYC311_VOLUME_PATH.",
                worth_retrying=False,
            ) from error
    uploaded, unchanged = [], []
    for each in artifacts:
        with workspace_calls(host):
            if _content(client, each.path) == each.content:
                unchanged.append(each.path)
                tell(f"as it was  {each.path}")
                continue
            client.files.upload(each.path, io.BytesIO(each.content), overwrite=True)
        uploaded.append(each.path)
        tell(f"uploaded   {each.path} ({len(each.content):,} bytes)")
    return Deployment(uploaded, unchanged)


def _content(client: WorkspaceClient, path: str) -> bytes | None:
    try:
        contents = client.files.download(path).contents
    except NotFound:
        return None
    if contents is None:
        return None
    with contents:
        return bytes(contents.read())
