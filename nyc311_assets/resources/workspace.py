"""Which workspace the steps run in: Databricks, or the embedded one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path

from databricks.sdk import WorkspaceClient
from databricks.sdk.config import Config
from databricks.sdk.errors.platform import ResourceAlreadyExists

from nyc311_assets import jobs
from nyc311_assets.local.lifecycle import ensure_workspace
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.tables import Lakehouse
from nyc311_assets.resources.artifacts import entries_path, wheel_path
from nyc311_assets.resources.compute import SECRET_SCOPE, secrets_of
from nyc311_assets.resources.signing_in import SettingsMissing, sign_in
from nyc311_assets.resources.workspace_errors import workspace_calls
from nyc311_assets.settings import Settings


@dataclass(frozen=True)
class Site:
    """A workspace, and where things are in it.

    Attributes:
        client: Its client.
        volume_path: The Volume for job entries, messages and cached answers.
        entries_path: Folder of the job entries.
        wheel: The package to install on a cluster; None where it is installed.
        lakehouse: Where the tables are.
        soda_url: The source.
        poll_interval_seconds: Time between looks at a run.
        grace_seconds: How long a last message may take to show.
    """

    client: WorkspaceClient
    volume_path: str
    entries_path: str
    wheel: str | None
    lakehouse: Lakehouse
    soda_url: str
    poll_interval_seconds: float
    grace_seconds: float


def open_site(settings: Settings) -> Site:
    """Connect to Databricks if DATABRICKS_HOST is set, else to the embedded workspace.

    Raises:
        SettingsMissing: Databricks is used without a catalog, a Volume or credentials.
        WorkspaceError: The embedded workspace does not start, or refuses.
    """
    if os.environ.get("DATABRICKS_HOST"):
        return _databricks_site(settings)
    return _embedded_site(settings)


def _databricks_site(settings: Settings) -> Site:
    if not settings.volume_path or not settings.catalog:
        raise SettingsMissing(
            "DATABRICKS_HOST is set, so steps run on Databricks: set NYC311_CATALOG to the Unity "
            "Catalog catalog and NYC311_VOLUME_PATH to a Volume (/Volumes/catalog/schema/volume)."
        )
    return Site(
        client=sign_in(),
        volume_path=settings.volume_path,
        entries_path=entries_path(settings.volume_path),
        wheel=wheel_path(settings.volume_path),
        lakehouse=Lakehouse(settings.catalog, is_catalog=True, location=settings.lakehouse_url),
        soda_url=settings.soda_url or NEW_YORK.portal_url,
        poll_interval_seconds=settings.poll_interval_seconds or 5.0,
        grace_seconds=30.0,
    )


def _keep_off_proxies(environment: MutableMapping[str, str]) -> None:
    """Let calls to this machine pass by a proxy, here and in all processes started from here."""
    for name in ("NO_PROXY", "no_proxy"):
        hosts = [host for host in environment.get(name, "").split(",") if host]
        environment[name] = ",".join(dict.fromkeys([*hosts, "127.0.0.1", "localhost"]))


def _embedded_site(settings: Settings) -> Site:
    _keep_off_proxies(os.environ)
    workspace = ensure_workspace(
        settings.home,
        feed_rows=settings.feed_row_files,
        idle_minutes=settings.idle_minutes,
    )
    client = WorkspaceClient(
        config=Config(
            host=workspace.host,
            token=workspace.token,
            auth_type="pat",
            # A server on this machine that takes no connection is gone, and its successor will
            # have another port.
            retry_timeout_seconds=3,
        )
    )
    _keep_secrets(client, secrets_of(settings))
    return Site(
        client=client,
        volume_path=str(settings.home / "volumes"),
        entries_path=str(Path(jobs.__file__).parent),
        wheel=None,
        lakehouse=Lakehouse(str(settings.lakehouse_path)),
        soda_url=settings.soda_url or workspace.feed_url,
        poll_interval_seconds=settings.poll_interval_seconds or 0.1,
        grace_seconds=2.0,
    )


def _keep_secrets(client: WorkspaceClient, secrets: Mapping[str, str]) -> None:
    if not secrets:
        return
    with workspace_calls(client.config.host or ""):
        with contextlib.suppress(ResourceAlreadyExists):
            client.secrets.create_scope(SECRET_SCOPE)
        for key, secret in secrets.items():
            client.secrets.put_secret(SECRET_SCOPE, key, string_value=secret)
