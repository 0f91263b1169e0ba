"""Secrets API 2.0: scopes are created and listed, secrets put and listed, values never told."""

from __future__ import annotations

import base64
import binascii

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from nyc311_assets.local.api.errors import (
    ApiError,
    invalid_parameter,
    json_object,
    only_fields,
    text_field,
)
from nyc311_assets.local.secret_store import VALUE_LIMIT_BYTES, SecretStore, is_valid_name


class SecretsApi:
    """Serves the secrets of a store."""

    def __init__(self, store: SecretStore) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        base = "/api/2.0/secrets"
        return [
            Route(f"{base}/scopes/create", self._create_scope, methods=["POST"]),
            Route(f"{base}/scopes/list", self._list_scopes, methods=["GET"]),
            Route(f"{base}/put", self._put, methods=["POST"]),
            Route(f"{base}/list", self._list, methods=["GET"]),
        ]

    async def _create_scope(self, request: Request) -> Response:
        body = await json_object(request)
        only_fields(body, {"scope", "initial_manage_principal", "scope_backend_type"})
        scope = _name(text_field(body, "scope"), "scope")
        if body.get("scope_backend_type", "DATABRICKS") != "DATABRICKS":
            raise invalid_parameter("The embedded workspace has scopes of type DATABRICKS only.")
        if scope in self._store.scopes:
            raise ApiError(400, "RESOURCE_ALREADY_EXISTS", f"Scope {scope} already exists!")
        self._store.create_scope(scope)
        return JSONResponse({})

    async def _list_scopes(self, request: Request) -> Response:
        del request
        scopes = [
            {"name": name, "backend_type": "DATABRICKS"} for name in sorted(self._store.scopes)
        ]
        return JSONResponse({"scopes": scopes})

    async def _put(self, request: Request) -> Response:
        body = await json_object(request)
        only_fields(body, {"scope", "key", "string_value", "bytes_value"})
        scope = self._existing_scope(text_field(body, "scope"))
        key = _name(text_field(body, "key"), "key")
        self._store.put(scope, key, _value(body.get("string_value"), body.get("bytes_value")))
        return JSONResponse({})

    async def _list(self, request: Request) -> Response:
        scope = self._existing_scope(request.query_params.get("scope", ""))
        secrets = [
            {"key": key, "last_updated_timestamp": secret.updated_milliseconds}
            for key, secret in sorted(self._store.scopes[scope].items())
        ]
        return JSONResponse({"secrets": secrets})

    def _existing_scope(self, scope: str) -> str:
        if scope not in self._store.scopes:
            raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"Scope {scope} does not exist!")
        return scope


def _name(name: str, what: str) -> str:
    if not is_valid_name(name):
        raise invalid_parameter(
            f"{what} may have letters, digits, dashes, underscores and periods, at most 128."
        )
    return name


def _value(text: object, encoded: object) -> str:
    """Return a secret's value, given as text or in base64."""
    if (text is None) == (encoded is None):
        raise ApiError(
            400, "MALFORMED_REQUEST", "Exactly one of string_value and bytes_value must be given."
        )
    try:
        value = base64.b64decode(str(encoded), validate=True).decode() if text is None else text
    except (binascii.Error, UnicodeDecodeError) as error:
        raise invalid_parameter("bytes_value must be base64 of a UTF-8 text.") from error
    if not isinstance(value, str) or len(value.encode()) > VALUE_LIMIT_BYTES:
        raise invalid_parameter(f"A secret is a text of at most {VALUE_LIMIT_BYTES} bytes.")
    return value
