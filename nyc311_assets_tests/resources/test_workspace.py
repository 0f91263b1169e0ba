from __future__ import annotations

from pathlib import Path

import pytest

from nyc311_assets.resources.signing_in import SettingsMissing
from nyc311_assets.resources.workspace import _keep_off_proxies, open_site
from nyc311_assets.resources.workspace_errors import WorkspaceUnreachable, workspace_calls
from nyc311_assets.settings import Settings

VOLUME = "/Volumes/nyc311/ops/files"


@pytest.fixture
def databricks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An environment in which DATABRICKS_HOST is all that is known of Databricks."""
    for name in ("DATABRICKS_TOKEN", "DATABRICKS_CONFIG_PROFILE", "DATABRICKS_CLIENT_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("DATABRICKS_HOST", "https://nyc311.cloud.databricks.com")
    return monkeypatch


@pytest.mark.parametrize(
    "missing",
    [{}, {"catalog": "nyc311"}, {"volume_path": VOLUME}],
    ids=["both", "volume", "catalog"],
)
def test_databricks_needs_a_catalog_and_a_volume(
    databricks: pytest.MonkeyPatch, missing: dict[str, str]
) -> None:
    databricks.setenv("DATABRICKS_TOKEN", "dapi-1")
    with pytest.raises(SettingsMissing, match=r"NYC311_CATALOG .* NYC311_VOLUME_PATH"):
        open_site(Settings.model_validate(missing))


@pytest.mark.usefixtures("databricks")
def test_databricks_without_credentials_names_the_token() -> None:
    with pytest.raises(SettingsMissing, match="set DATABRICKS_TOKEN"):
        open_site(Settings(catalog="nyc311", volume_path=VOLUME))


def test_on_databricks_everything_is_in_the_volume_and_the_catalog(
    databricks: pytest.MonkeyPatch,
) -> None:
    databricks.setenv("DATABRICKS_TOKEN", "dapi-1")
    settings = Settings(catalog="nyc311", volume_path=VOLUME, lakehouse_url="s3://lake/house")
    site = open_site(settings)
    # Where the dashboard and the alerts read the tables is where the steps put them.
    assert site.lakehouse.location == "s3://lake/house"
    assert site.entries_path == f"{VOLUME}/jobs"
    assert site.wheel is not None
    assert site.wheel.startswith(f"{VOLUME}/wheels/nyc311_assets-")
    assert site.lakehouse.is_catalog
    assert site.soda_url == "https://data.cityofnewyork.us"


def test_secrets_reach_an_embedded_job_as_secrets(workspace_home: Path) -> None:
    settings = Settings.model_validate(
        {"home": workspace_home, "soda_app_token": "t0ken", "mask_salt": "s4lt" * 4}
    )
    for _ in range(2):
        site = open_site(settings)
    (scope,) = site.client.secrets.list_scopes()
    keys = {secret.key for secret in site.client.secrets.list_secrets(str(scope.name))}
    assert (scope.name, keys) == ("nyc311", {"soda_app_token", "mask_salt"})
    assert site.volume_path == str(workspace_home / "volumes")
    assert Path(site.entries_path, "raw_311.py").is_file()


def test_a_refused_connection_is_unreachable_without_a_retry_budget_too() -> None:
    with (
        pytest.raises(WorkspaceUnreachable, match=r"http://h does not answer \(ConnectionReset"),
        workspace_calls("http://h"),
    ):
        raise ConnectionResetError("reset by peer")


def test_calls_to_this_machine_keep_off_proxies() -> None:
    environment = {"HTTP_PROXY": "http://proxy:8080", "NO_PROXY": "intranet,localhost"}
    _keep_off_proxies(environment)
    assert environment["NO_PROXY"] == "intranet,localhost,127.0.0.1"
    assert environment["no_proxy"] == "127.0.0.1,localhost"
