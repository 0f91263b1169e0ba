"""The Databricks bundle, against the models of the bundles' own package; and against the code."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from databricks.bundles.catalogs import Catalog
from databricks.bundles.cluster_policies import ClusterPolicy
from databricks.bundles.external_locations import ExternalLocation
from databricks.bundles.instance_pools import InstancePool
from databricks.bundles.jobs import Job
from databricks.bundles.schemas import Schema
from databricks.bundles.secret_scopes import SecretScope
from databricks.bundles.volumes import Volume

from nyc311_assets.pipeline.catalog import OPERATIONS, layers
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.contracts import DAILY_COUNTS, SERIES
from nyc311_assets.resources.artifacts import CATALOGS, VOLUME, wheel_path
from nyc311_assets.resources.compute import (
    NODE_TYPE,
    RUNTIME,
    SECRET_SCOPE,
    submission,
)
from nyc311_assets.settings import Settings

FOLDER = Path(__file__).parents[2] / "infrastructure" / "databricks"
MODELS: Mapping[str, Any] = {
    "catalogs": Catalog,
    "cluster_policies": ClusterPolicy,
    "external_locations": ExternalLocation,
    "instance_pools": InstancePool,
    "jobs": Job,
    "schemas": Schema,
    "secret_scopes": SecretScope,
    "volumes": Volume,
}


def read(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((FOLDER / name).read_text("utf-8")))


def resources() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((FOLDER / "resources").glob("*.yml")):
        for kind, named in read(f"resources/{path.name}")["resources"].items():
            found.setdefault(kind, {}).update(named)
    return found


def every_resource() -> list[tuple[str, str]]:
    return [(kind, name) for kind, named in resources().items() for name in named]


@pytest.mark.parametrize(("kind", "name"), every_resource())
def test_a_resource_is_what_its_model_knows(kind: str, name: str) -> None:
    written = resources()[kind][name]
    assert MODELS[kind].from_dict(written).as_dict() == written


@pytest.mark.parametrize("kind", sorted(MODELS))
def test_a_field_that_no_model_knows_is_refused(kind: str) -> None:
    written = next(iter(resources()[kind].values())) | {"no_such_field": 1}
    with pytest.raises(ValueError, match="no_such_field"):
        MODELS[kind].from_dict(written)


def test_the_targets_catalogs_are_those_that_deploy_writes_to() -> None:
    bundle = read("databricks.yml")
    found = {name: each["variables"]["catalog"] for name, each in bundle["targets"].items()}
    assert found == CATALOGS
    volume = resources()["volumes"]["files"]
    schema = resources()["schemas"]["ops"]["name"]
    assert f"{schema}/{volume['name']}" == VOLUME


def test_every_variable_that_is_used_is_declared_and_no_other() -> None:
    text = "".join(path.read_text("utf-8") for path in FOLDER.rglob("*.yml"))
    used = set(re.findall(r"\$\{var\.(\w+)\}", text))
    assert used == set(read("databricks.yml")["variables"])


def test_each_schema_of_the_tables_has_its_grants() -> None:
    tables = [each for layer in layers(NEW_YORK) for each in layer.contracts]
    needed = {each.name.split(".", maxsplit=1)[0] for each in (*tables, *OPERATIONS)}
    schemas = resources()["schemas"]
    assert {each["name"] for each in schemas.values()} == needed
    readers = {
        name
        for name, each in schemas.items()
        if any(grant["principal"] == "${var.readers}" for grant in each["grants"])
    }
    # Addresses and free text go no further than silver.
    assert readers == {"gold", "ml"}


def test_a_step_s_cluster_is_within_the_policy() -> None:
    policy = json.loads(resources()["cluster_policies"]["steps"]["definition"])
    task = submission(
        Settings(), task_key="raw_311", python_file="x.py", wheel=None,
        tags={"project": "nyc311_assets"},
    ).task  # fmt: skip
    assert task.new_cluster is not None
    cluster = task.new_cluster.as_dict()
    assert policy["spark_version"]["value"] == cluster["spark_version"] == RUNTIME
    assert NODE_TYPE in policy["node_type_id"]["values"]
    assert cluster["autoscale"]["min_workers"] == policy["autoscale.min_workers"]["value"]
    assert cluster["autoscale"]["max_workers"] <= policy["autoscale.max_workers"]["maxValue"]
    spot = cluster["aws_attributes"]
    assert spot["availability"] == policy["aws_attributes.availability"]["value"]
    assert spot["first_on_demand"] == policy["aws_attributes.first_on_demand"]["value"]
    assert cluster["data_security_mode"] == policy["data_security_mode"]["value"]
    assert cluster["custom_tags"]["project"] == policy["custom_tags.project"]["value"]
    pool = resources()["instance_pools"]["steps"]
    assert (pool["node_type_id"], pool["preloaded_spark_versions"]) == (NODE_TYPE, [RUNTIME])


def test_the_maintenance_job_runs_what_deploy_uploads() -> None:
    job = resources()["jobs"]["maintenance"]
    volume = "${resources.volumes.files.volume_path}"
    [wheel] = job["environments"][0]["spec"]["dependencies"]
    assert wheel == wheel_path(volume), f"version {version('nyc311_assets')}"
    [task] = job["tasks"]
    entry = task["spark_python_task"]["python_file"].removeprefix(f"{volume}/jobs/")
    assert (FOLDER.parents[1] / "nyc311_assets" / "jobs" / entry).is_file()
    assert job["schedule"]["pause_status"] == "PAUSED"


def test_the_secret_scope_is_the_one_that_clusters_read() -> None:
    assert resources()["secret_scopes"]["nyc311"]["name"] == SECRET_SCOPE


def test_the_feature_tables_have_the_keys_of_their_contracts() -> None:
    statements = (FOLDER / "feature_keys.sql").read_text("utf-8")
    found = {
        table: tuple(each.strip() for each in columns.split(","))
        for table, columns in re.findall(
            r"ALTER TABLE (\S+) ADD CONSTRAINT \w+\s+PRIMARY KEY \(([^)]+)\)", statements
        )
    }
    assert found == {each.name: tuple(each.key) for each in (DAILY_COUNTS, SERIES)}
