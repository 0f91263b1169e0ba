"""`nyc311 doctor`: is everything there that a run needs?"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

from rich.console import Console

from nyc311_assets.local.jars import jars_folder, missing_jars
from nyc311_assets.local.java import find_java
from nyc311_assets.local.lifecycle import workspace_status
from nyc311_assets.resources.workspace import open_site
from nyc311_assets.settings import Settings

_NEEDED_GIB = 2


def examine(console: Console, settings: Settings) -> bool:
    """Run every examination and print its finding.

    Returns:
        Whether all were good.
    """
    on_databricks = bool(os.environ.get("DATABRICKS_HOST"))
    examinations: dict[str, Callable[[], str]] = (
        {"Databricks": lambda: _databricks(settings)}
        if on_databricks
        else {
            "Java": lambda: str(find_java()),
            "Delta's jars": _jars,
            "Free disk": lambda: _disk(settings),
            "Embedded workspace": lambda: _workspace(settings),
        }
    )
    good = True
    for name, examination in examinations.items():
        try:
            console.print(f"✓ {name}: {examination()}", highlight=False)
        except Exception as error:  # noqa: BLE001 - whatever is wrong is the finding
            good = False
            console.print(f"✗ {name}: {error}", highlight=False)
    return good


def _jars() -> str:
    missing = missing_jars()
    if missing:
        raise FileNotFoundError(f"{', '.join(missing)} missing. Run `nyc311 setup`.")
    return str(jars_folder())


def _disk(settings: Settings) -> str:
    folder = settings.home if settings.home.exists() else settings.home.parent
    free_gib = shutil.disk_usage(folder).free / 2**30
    if free_gib < _NEEDED_GIB:
        raise OSError(f"{free_gib:.1f} GiB free at {folder}; {_NEEDED_GIB} GiB are needed.")
    return f"{free_gib:.0f} GiB at {folder}"


def _workspace(settings: Settings) -> str:
    state = workspace_status(settings.home)
    return f"not running for {settings.home}; a run starts it" if state is None else str(state)


def _databricks(settings: Settings) -> str:
    site = open_site(settings)
    user = site.client.current_user.me()
    return f"{site.client.config.host} as {user.user_name}"
