from __future__ import annotations

import base64
from typing import Any

import pytest
from databricks.sdk.errors import (
    BadRequest,
    InvalidParameterValue,
    ResourceAlreadyExists,
    ResourceDoesNotExist,
)
from databricks.sdk.service.workspace import ScopeBackendType

from nyc311_assets_tests.local.workspaces import RunningWorkspace


def test_secrets_are_listed_without_their_values(workspace: RunningWorkspace) -> None:
    secrets = workspace.client.secrets
    secrets.create_scope("listed")
    secrets.put_secret("listed", "b", string_value="s3cret")
    secrets.put_secret("listed", "a", bytes_value=base64.b64encode(b"s3cret").decode())
    assert [secret.key for secret in secrets.list_secrets("listed")] == ["a", "b"]
    assert "listed" in [scope.name for scope in secrets.list_scopes()]
    answer = workspace.http.get("/api/2.0/secrets/list", params={"scope": "listed"})
    assert "s3cret" not in answer.text


def test_a_value_is_not_told(workspace: RunningWorkspace) -> None:
    workspace.client.secrets.create_scope("closed")
    workspace.client.secrets.put_secret("closed", "a", string_value="s3cret")
    answer = workspace.http.get("/api/2.0/secrets/get", params={"scope": "closed", "key": "a"})
    assert (answer.status_code, answer.json()["error_code"]) == (404, "ENDPOINT_NOT_FOUND")


def test_a_scope_is_created_once(workspace: RunningWorkspace) -> None:
    workspace.client.secrets.create_scope("once")
    with pytest.raises(ResourceAlreadyExists, match="Scope once already exists"):
        workspace.client.secrets.create_scope("once")


def test_a_scope_that_is_not_there_is_named(workspace: RunningWorkspace) -> None:
    with pytest.raises(ResourceDoesNotExist, match="Scope nowhere does not exist"):
        workspace.client.secrets.put_secret("nowhere", "a", string_value="x")
    with pytest.raises(ResourceDoesNotExist, match="Scope nowhere does not exist"):
        list(workspace.client.secrets.list_secrets("nowhere"))


@pytest.mark.parametrize("scope", ["with space", "x" * 129, "slash/ed"])
def test_a_scope_has_a_plain_name(workspace: RunningWorkspace, scope: str) -> None:
    with pytest.raises(InvalidParameterValue, match="scope may have letters"):
        workspace.client.secrets.create_scope(scope)


def test_scopes_of_another_backend_are_refused(workspace: RunningWorkspace) -> None:
    with pytest.raises(InvalidParameterValue, match="of type DATABRICKS only"):
        workspace.client.secrets.create_scope(
            "azure", scope_backend_type=ScopeBackendType.AZURE_KEYVAULT
        )


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"string_value": "a", "bytes_value": "YQ=="},
        {"bytes_value": "no base64"},
        {"bytes_value": "/w=="},
        {"string_value": "x" * (128 * 1024 + 1)},
    ],
    ids=["none", "two", "not base64", "not UTF-8", "too long"],
)
def test_a_secret_is_one_text(workspace: RunningWorkspace, value: dict[str, Any]) -> None:
    if "values" not in [scope.name for scope in workspace.client.secrets.list_scopes()]:
        workspace.client.secrets.create_scope("values")
    with pytest.raises(BadRequest):
        workspace.client.api_client.do(
            "POST", "/api/2.0/secrets/put", body={"scope": "values", "key": "a", **value}
        )
    assert not list(workspace.client.secrets.list_secrets("values"))


def test_a_field_that_is_unknown_or_missing_is_refused(workspace: RunningWorkspace) -> None:
    answer = workspace.http.post("/api/2.0/secrets/scopes/create", json={"scope": "a", "b": 1})
    assert answer.json() == {
        "error_code": "INVALID_PARAMETER_VALUE",
        "message": "Unknown field: b",
    }
    answer = workspace.http.post("/api/2.0/secrets/scopes/create", json={})
    assert answer.json()["message"] == "Missing required field: scope"
