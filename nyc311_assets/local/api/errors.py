"""Errors in the shape that Databricks' REST API gives them and its SDK reads."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response


class ApiError(Exception):
    """A refused call.

    Attributes:
        status: HTTP status.
        error_code: Databricks' code, such as INVALID_PARAMETER_VALUE.
        message: What is wrong, with what, and what to do.
        reason: Machine-readable reason of the Files API, such as FILES_API_DIRECTORY_IS_NOT_EMPTY.
    """

    def __init__(self, status: int, error_code: str, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.error_code = error_code
        self.message = message
        self.reason = reason

    def response(self) -> Response:
        """Return the answer that says so."""
        body: dict[str, Any] = {"error_code": self.error_code, "message": self.message}
        if self.reason:
            body["details"] = [
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": self.reason,
                    "domain": "filesystem.databricks.com",
                }
            ]
        return JSONResponse(body, status_code=self.status)


def invalid_parameter(message: str) -> ApiError:
    """Return the error for a request that is not well formed, or names what is not there."""
    return ApiError(400, "INVALID_PARAMETER_VALUE", message)


async def answer_api_error(request: Request, error: Exception) -> Response:
    """Answer with an ApiError; Starlette's handler for that class."""
    del request
    if not isinstance(error, ApiError):
        raise error
    return error.response()


async def answer_defect(request: Request, error: Exception) -> Response:
    """Answer a call that failed within the server, which logs the traceback."""
    return ApiError(
        500,
        "INTERNAL_ERROR",
        f"The embedded workspace failed at {request.method} {request.url.path}: {error!r}. "
        "Its log, workspace/server.log in the home, has the traceback.",
    ).response()


async def answer_unknown_path(request: Request, error: Exception) -> Response:
    """Answer a call to an endpoint that the embedded workspace does not have."""
    del error
    return ApiError(
        404,
        "ENDPOINT_NOT_FOUND",
        f"The embedded workspace has no endpoint {request.method} {request.url.path}.",
    ).response()


async def json_object(request: Request) -> dict[str, Any]:
    """Return the request's body.

    Raises:
        ApiError: It is not a JSON object.
    """
    try:
        body = await request.json()
    except ValueError as error:
        raise ApiError(
            400, "MALFORMED_REQUEST", f"The request's body is not JSON: {error}"
        ) from error
    if not isinstance(body, dict):
        raise ApiError(400, "MALFORMED_REQUEST", "The request's body is not a JSON object.")
    return body


def only_fields(body: dict[str, Any], known: set[str]) -> None:
    """Refuse a body with fields that its endpoint does not know.

    Raises:
        ApiError: There is one.
    """
    unknown = sorted(set(body) - known)
    if unknown:
        raise invalid_parameter(f"Unknown field: {', '.join(unknown)}")


def text_field(body: dict[str, Any], name: str) -> str:
    """Return a field that must be a text and not empty.

    Raises:
        ApiError: It is not.
    """
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise invalid_parameter(f"Missing required field: {name}")
    return value
