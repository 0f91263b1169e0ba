"""What `nyc311 deploy` does."""

from __future__ import annotations

import os
from pathlib import Path

from rich.console import Console

from nyc311_assets.cli.errors import OperationFailed, WrongUse
from nyc311_assets.cli.formats import say
from nyc311_assets.resources.artifacts import CATALOGS, NothingToBuild, build, volume_of
from nyc311_assets.resources.deployment import deploy
from nyc311_assets.resources.signing_in import SettingsMissing, sign_in
from nyc311_assets.resources.workspace_errors import WorkspaceError
from nyc311_assets.settings import Settings


def run_deploy(console: Console, settings: Settings, target: str, source: Path) -> None:
    """Build the wheel and bring it with the job entries into the target's Volume.

    Raises:
        WrongUse: There is no such target, no workspace is named, the Volume is another target's,
            or there is no source.
        OperationFailed: The workspace refused, or does not answer.
    """
    if target not in CATALOGS:
        raise WrongUse(f"There is no target {target}: choose {' or '.join(CATALOGS)}.")
    if not os.environ.get("DATABRICKS_HOST"):
        raise WrongUse(
            "DATABRICKS_HOST is not set, and the embedded workspace needs no deployment: it runs "
            "the package that is installed. Set DATABRICKS_HOST and DATABRICKS_TOKEN."
        )
    volume = settings.volume_path or volume_of(target)
    others = {name: catalog for name, catalog in CATALOGS.items() if name != target}
    for name, catalog in others.items():
        if volume.startswith(f"/Volumes/{catalog}/"):
            raise WrongUse(
                f"NYC311_VOLUME_PATH is {volume}, which is of target {name} and not of {target}: "
                f"unset it for {volume_of(target)}, or give --target {name}."
            )
    try:
        client = sign_in()
    except SettingsMissing as error:
        raise WrongUse(str(error)) from None
    try:
        artifacts = build(source, volume)
        done = deploy(client, volume, artifacts, tell=lambda line: say(console, line))
    except NothingToBuild as error:
        raise WrongUse(str(error)) from None
    except WorkspaceError as error:
        raise OperationFailed(
            f"{error} What was uploaded until then stays, and the same command completes it."
        ) from None
    say(
        console,
        f"{target}: {len(done.uploaded)} uploaded, {len(done.unchanged)} as they were, in {volume}.",
    )
