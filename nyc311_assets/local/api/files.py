"""Files API 2.0: `/api/2.0/fs/files` and `/api/2.0/fs/directories`.

On Databricks a path is `/Volumes/<catalog>/<schema>/<volume>/...`. Here a Volume is a folder of this
machine, and the path is the absolute path of the file.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from nyc311_assets.local.api.errors import ApiError, invalid_parameter

_PAGE_SIZE = 1000


class FilesApi:
    """Serves one folder tree and nothing outside it."""

    def __init__(self, root: Path) -> None:
        """Create the endpoints.

        Args:
            root: The Volume's folder; made if it is not there.
        """
        root.mkdir(parents=True, exist_ok=True)
        self._root = root.resolve()

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        files, directories = "/api/2.0/fs/files/{path:path}", "/api/2.0/fs/directories/{path:path}"
        return [
            Route(files, self._upload, methods=["PUT"]),
            Route(files, self._download, methods=["GET", "HEAD"]),
            Route(files, self._delete, methods=["DELETE"]),
            Route(directories, self._create_directory, methods=["PUT"]),
            Route(directories, self._list_directory, methods=["GET"]),
            Route(directories, self._look_at_directory, methods=["HEAD"]),
            Route(directories, self._delete_directory, methods=["DELETE"]),
        ]

    def _path(self, request: Request) -> Path:
        """Return the path that a request means.

        Raises:
            ApiError: It leads out of the Volume, by `..` or a link.
        """
        asked = _asked_path(request)
        path = Path(os.path.realpath(asked))
        if not path.is_relative_to(self._root):
            raise ApiError(
                403,
                "PERMISSION_DENIED",
                f"{asked} is outside the embedded workspace's Volume, which is {self._root}.",
            )
        return path

    async def _upload(self, request: Request) -> Response:
        path = self._path(request)
        overwrite = request.query_params.get("overwrite", "true") != "false"
        if path.is_dir():
            raise _conflict(path, "is a directory", "FILES_API_PATH_IS_NOT_A_FILE")
        if path.exists() and not overwrite:
            raise _conflict(path, "exists already", "FILES_API_FILE_ALREADY_EXISTS")
        # A reader sees the whole file or none, as in object storage.
        partial = path.with_name(f".{path.name}.{uuid4().hex}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise _conflict(
                path, "lies below a file", "FILES_API_PATH_IS_NOT_A_DIRECTORY"
            ) from error
        try:
            with partial.open("wb") as target:
                async for chunk in request.stream():
                    await asyncio.to_thread(target.write, chunk)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        return Response(status_code=204)

    async def _download(self, request: Request) -> Response:
        path = self._path(request)
        if not path.is_file():
            raise _missing(path, "file", "FILES_API_FILE_NOT_FOUND")
        return FileResponse(path, media_type="application/octet-stream")

    async def _delete(self, request: Request) -> Response:
        path = self._path(request)
        if not path.is_file():
            raise _missing(path, "file", "FILES_API_FILE_NOT_FOUND")
        path.unlink()
        return Response(status_code=204)

    async def _create_directory(self, request: Request) -> Response:
        path = self._path(request)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise _conflict(path, "is a file", "FILES_API_PATH_IS_NOT_A_DIRECTORY") from error
        return Response(status_code=204)

    async def _look_at_directory(self, request: Request) -> Response:
        _existing_directory(self._path(request))
        return Response(status_code=200)

    async def _delete_directory(self, request: Request) -> Response:
        path = _existing_directory(self._path(request))
        if path == self._root:
            raise ApiError(403, "PERMISSION_DENIED", f"{path} is the Volume itself.")
        try:
            path.rmdir()
        except OSError as error:
            raise ApiError(
                400,
                "INVALID_PARAMETER_VALUE",
                f"The directory {path} is not empty: delete what is in it first.",
                "FILES_API_DIRECTORY_IS_NOT_EMPTY",
            ) from error
        return Response(status_code=204)

    async def _list_directory(self, request: Request) -> Response:
        path = _existing_directory(self._path(request))
        size = _page_size(request.query_params.get("page_size"))
        after = _page_position(request.query_params.get("page_token"))
        entries = await asyncio.to_thread(_entries, path, _asked_path(request), after)
        page = entries[:size]
        body: dict[str, Any] = {"contents": page}
        if len(entries) > size:
            body["next_page_token"] = base64.urlsafe_b64encode(page[-1]["name"].encode()).decode()
        return JSONResponse(body)


def _asked_path(request: Request) -> Path:
    return Path("/" + request.path_params["path"].lstrip("/"))


def _entries(folder: Path, asked: Path, after: str) -> list[dict[str, Any]]:
    """Return the entries of a directory whose names come after one; uploads under way are none."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name > after and not entry.name.endswith(".partial"):
                with contextlib.suppress(FileNotFoundError):
                    found.append(_entry(entry, asked))
    return sorted(found, key=lambda entry: str(entry["name"]))


def _entry(entry: os.DirEntry[str], parent: Path) -> dict[str, Any]:
    status = entry.stat()
    described: dict[str, Any] = {
        "name": entry.name,
        "path": str(parent / entry.name),
        "is_directory": entry.is_dir(),
        "last_modified": int(status.st_mtime * 1000),
    }
    return described if entry.is_dir() else described | {"file_size": status.st_size}


def _existing_directory(path: Path) -> Path:
    if not path.is_dir():
        raise _missing(path, "directory", "FILES_API_DIRECTORY_IS_NOT_FOUND")
    return path


def _page_size(text: str | None) -> int:
    if text is None:
        return _PAGE_SIZE
    if not text.isdecimal() or int(text) == 0:
        raise invalid_parameter(f"page_size must be a positive number, not {text!r}.")
    return min(int(text), _PAGE_SIZE)


def _page_position(token: str | None) -> str:
    """Return the name after which a page begins."""
    try:
        return base64.b64decode(token, b"-_", validate=True).decode() if token else ""
    except (binascii.Error, UnicodeDecodeError) as error:
        raise invalid_parameter("page_token is not one that this endpoint gave out.") from error


def _missing(path: Path, kind: str, reason: str) -> ApiError:
    return ApiError(404, "NOT_FOUND", f"There is no {kind} {path}.", reason)


def _conflict(path: Path, what: str, reason: str) -> ApiError:
    return ApiError(409, "ALREADY_EXISTS", f"{path} {what}.", reason)
