from __future__ import annotations

import httpx
import pytest
from databricks.sdk.errors import InvalidParameterValue, ResourceDoesNotExist, Unauthenticated
from databricks.sdk.service.compute import State

from nyc311_assets_tests.local.workspaces import RunningWorkspace, sdk_client


def test_a_wrong_token_is_refused_as_databricks_does(workspace: RunningWorkspace) -> None:
    with pytest.raises(Unauthenticated, match="needs its own token"):
        sdk_client(workspace.host, "guessed").jobs.get_run(1)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic YTpi"}, {"Authorization": "ä"}])
@pytest.mark.parametrize(
    "path",
    ["/api/2.2/jobs/runs/list", "/api/2.0/fs/directories/", "/api/embedded/status", "/api/nowhere"],
)
def test_nothing_is_told_without_the_token(
    workspace: RunningWorkspace, path: str, headers: dict[str, str]
) -> None:
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    answer = httpx.get(f"{workspace.host}{path}", headers=encoded)
    assert answer.status_code == 401
    assert answer.json()["error_code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize("path", ["/embedded/health", "/api/2.2/jobs/runs/list"])
def test_a_name_that_leads_here_is_not_answered(workspace: RunningWorkspace, path: str) -> None:
    answer = workspace.http.get(path, headers={"Host": "rebound.example.org"})
    assert answer.status_code == 400
    assert workspace.http.get(path, headers={"Host": "localhost:1"}).status_code == 200


def test_an_endpoint_that_is_not_there_is_named(workspace: RunningWorkspace) -> None:
    answer = workspace.http.get("/api/2.1/pipelines")
    assert (answer.status_code, answer.json()["error_code"]) == (404, "ENDPOINT_NOT_FOUND")
    assert "GET /api/2.1/pipelines" in answer.json()["message"]


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_json_object_is_refused(workspace: RunningWorkspace, body: bytes) -> None:
    answer = workspace.http.post("/api/2.2/jobs/runs/submit", content=body)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "MALFORMED_REQUEST")


def test_the_one_cluster_is_described(workspace: RunningWorkspace) -> None:
    cluster = workspace.client.clusters.get("local")
    assert cluster.cluster_id == "local"
    assert cluster.state in set(State)
    assert cluster.spark_version


def test_another_cluster_does_not_exist(workspace: RunningWorkspace) -> None:
    with pytest.raises((InvalidParameterValue, ResourceDoesNotExist), match="Cluster x does not"):
        workspace.client.clusters.get("x")
