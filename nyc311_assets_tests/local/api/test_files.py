from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import AlreadyExists, InvalidParameterValue, NotFound, PermissionDenied

from nyc311_assets_tests.local.workspaces import RunningWorkspace


@pytest.fixture
def client(workspace: RunningWorkspace) -> WorkspaceClient:
    return workspace.client


@pytest.fixture
def folder(workspace: RunningWorkspace, request: pytest.FixtureRequest) -> Iterator[Path]:
    """An absolute path in the Volume that nothing is at yet."""
    path = workspace.paths.volumes / f"it's a test/{request.node.name}"
    yield path
    assert not list(workspace.paths.volumes.rglob("*.partial"))


def read(client: WorkspaceClient, path: Path) -> bytes:
    contents = client.files.download(str(path)).contents
    assert contents is not None
    return contents.read()


def names(client: WorkspaceClient, path: Path, page_size: int | None = None) -> list[str | None]:
    return [e.name for e in client.files.list_directory_contents(str(path), page_size=page_size)]


def test_a_file_is_written_with_its_folders_and_read(client: WorkspaceClient, folder: Path) -> None:
    path = folder / "deep" / "ünï #1?.bin"
    content = os.urandom(3_000_000)
    client.files.upload(str(path), io.BytesIO(content))
    assert read(client, path) == content == path.read_bytes()
    metadata = client.files.get_metadata(str(path))
    assert (metadata.content_length, metadata.content_type) == (
        3_000_000,
        "application/octet-stream",
    )
    assert metadata.last_modified


def test_an_empty_file_is_a_file(client: WorkspaceClient, folder: Path) -> None:
    client.files.upload(str(folder / "empty"), io.BytesIO(b""))
    assert read(client, folder / "empty") == b""


def test_a_part_of_a_file_is_read(workspace: RunningWorkspace, folder: Path) -> None:
    workspace.client.files.upload(str(folder / "a"), io.BytesIO(b"0123456789"))
    answer = workspace.http.get(f"/api/2.0/fs/files{folder}/a", headers={"Range": "bytes=2-4"})
    assert (answer.status_code, answer.content) == (206, b"234")


def test_a_file_is_overwritten_unless_that_is_ruled_out(
    client: WorkspaceClient, folder: Path
) -> None:
    path = folder / "a"
    for content in (b"first", b"second"):
        client.files.upload(str(path), io.BytesIO(content))
    with pytest.raises(AlreadyExists, match="exists already"):
        client.files.upload(str(path), io.BytesIO(b"third"), overwrite=False)
    assert read(client, path) == b"second"


def test_a_deleted_file_is_gone(client: WorkspaceClient, folder: Path) -> None:
    client.files.upload(str(folder / "a"), io.BytesIO(b"a"))
    client.files.delete(str(folder / "a"))
    for call in (client.files.download, client.files.delete, client.files.get_metadata):
        with pytest.raises(NotFound):
            call(str(folder / "a"))


def test_a_missing_file_is_an_error_that_pipes_takes_for_not_yet(
    client: WorkspaceClient, folder: Path
) -> None:
    with pytest.raises(OSError, match="There is no file"):
        client.files.download(str(folder / "0.json"))


def test_a_directory_is_made_once_or_twice_and_listed(
    client: WorkspaceClient, folder: Path
) -> None:
    for _ in range(2):
        client.files.create_directory(str(folder / "sub"))
    client.files.get_directory_metadata(str(folder / "sub"))
    client.files.upload(str(folder / "file"), io.BytesIO(b"four"))
    file, sub = client.files.list_directory_contents(str(folder))
    assert (file.name, file.is_directory, file.file_size, file.path) == (
        "file",
        False,
        4,
        str(folder / "file"),
    )
    assert (sub.name, sub.is_directory) == ("sub", True)


def test_a_long_listing_comes_in_pages(
    workspace: RunningWorkspace, client: WorkspaceClient, folder: Path
) -> None:
    folder.mkdir(parents=True)
    expected = [f"{number:04}" for number in range(1005)]
    for name in expected:
        (folder / name).touch()
    assert names(client, folder) == expected
    assert names(client, folder, page_size=400) == expected
    first = workspace.http.get(f"/api/2.0/fs/directories{folder}").json()
    assert len(first["contents"]) == 1000
    assert first["next_page_token"]


@pytest.mark.parametrize("query", [{"page_size": "x"}, {"page_size": "0"}, {"page_token": "%"}])
def test_a_wrong_page_is_refused(
    workspace: RunningWorkspace, folder: Path, query: dict[str, str]
) -> None:
    folder.mkdir(parents=True)
    answer = workspace.http.get(f"/api/2.0/fs/directories{folder}", params=query)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_only_an_empty_directory_is_deleted(client: WorkspaceClient, folder: Path) -> None:
    client.files.upload(str(folder / "a"), io.BytesIO(b"a"))
    with pytest.raises(InvalidParameterValue, match="is not empty") as refused:
        client.files.delete_directory(str(folder))
    (detail,) = refused.value.get_error_info()
    assert detail.reason == "FILES_API_DIRECTORY_IS_NOT_EMPTY"
    client.files.delete(str(folder / "a"))
    client.files.delete_directory(str(folder))
    for call in (client.files.delete_directory, client.files.get_directory_metadata):
        with pytest.raises(NotFound):
            call(str(folder))
    with pytest.raises(NotFound, match="There is no directory"):
        names(client, folder)


def test_a_file_and_a_directory_do_not_share_a_name(client: WorkspaceClient, folder: Path) -> None:
    client.files.upload(str(folder / "file"), io.BytesIO(b"a"))
    with pytest.raises(AlreadyExists, match="is a file"):
        client.files.create_directory(str(folder / "file"))
    with pytest.raises(AlreadyExists, match="is a directory"):
        client.files.upload(str(folder), io.BytesIO(b"a"))
    with pytest.raises(AlreadyExists, match="lies below a file"):
        client.files.upload(str(folder / "file" / "below"), io.BytesIO(b"a"))


def test_what_is_outside_the_volume_is_denied(
    workspace: RunningWorkspace, client: WorkspaceClient, tmp_path: Path
) -> None:
    outside = tmp_path / "secret"
    outside.write_text("secret")
    link = workspace.paths.volumes / "link"
    link.symlink_to(tmp_path)
    for path in (outside, link / "secret", Path("/etc/passwd")):
        with pytest.raises(PermissionDenied, match="outside the embedded workspace's Volume"):
            client.files.download(str(path))
    with pytest.raises(PermissionDenied):
        client.files.upload(str(link / "new"), io.BytesIO(b""))
    with pytest.raises(PermissionDenied):
        client.files.delete_directory(str(workspace.paths.volumes))
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("way_up", ["..", "%2e%2e", "..%2f..", "x/../.."])
def test_no_path_leads_out_of_the_volume(workspace: RunningWorkspace, way_up: str) -> None:
    # As raw bytes: clients resolve the dots themselves.
    url = httpx.URL(f"{workspace.host}/").copy_with(
        raw_path=f"/api/2.0/fs/files{workspace.paths.volumes}/{way_up}/workspace/server.json".encode()
    )
    answer = workspace.http.get(url)
    assert answer.status_code == 403
    assert answer.json()["error_code"] == "PERMISSION_DENIED"
