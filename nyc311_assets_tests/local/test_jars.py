from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from nyc311_assets.local.jars import (
    DELTA_COORDINATE,
    PINNED_JARS,
    JarsMissing,
    ensure_jars,
    jars_folder,
    missing_jars,
    verify_jars,
)

_POM = """\
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>
  <dependencies>{dependencies}</dependencies>
</project>
"""
_DEPENDENCY = (
    "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
    "<version>{version}</version></dependency>"
)


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def coordinates(name: str) -> dict[str, str]:
    """Split the resolver's name of a jar, `group_artifact-version.jar`."""
    stem = name.removesuffix(".jar")
    group, _, rest = stem.partition("_")
    artifact, _, version = rest.rpartition("-")
    return {"group": group, "artifact": artifact, "version": version}


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A Maven repository on this machine with the pinned jars, which Spark's resolver uses."""
    folder = tmp_path / "repository"
    parts = [coordinates(jar.name) for jar in PINNED_JARS]
    for jar, part in zip(PINNED_JARS, parts, strict=True):
        place = folder / part["group"].replace(".", "/") / part["artifact"] / part["version"]
        place.mkdir(parents=True)
        base = f"{part['artifact']}-{part['version']}"
        shutil.copyfile(jars_folder() / jar.name, place / f"{base}.jar")
        is_delta = ":".join(part.values()) == DELTA_COORDINATE
        others = [_DEPENDENCY.format(**other) for other in parts if other != part]
        pom = _POM.format(dependencies="".join(others if is_delta else ()), **part)
        (place / f"{base}.pom").write_text(pom)
        for file in list(place.iterdir()):
            file.with_name(f"{file.name}.sha1").write_text(
                hashlib.sha1(file.read_bytes(), usedforsecurity=False).hexdigest()
            )
    handler = partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("DEFAULT_ARTIFACT_REPOSITORY", f"http://127.0.0.1:{server.server_port}/")
        yield folder
        server.shutdown()
        thread.join()


def test_the_jars_are_fetched_once_and_kept(repository: Path, tmp_path: Path) -> None:
    prefix = tmp_path / "environment"
    assert set(missing_jars(prefix)) == {jar.name for jar in PINNED_JARS}
    said: list[str] = []
    folder = ensure_jars(said.append, prefix)
    assert said == [f"Fetching Delta Lake's jars ({DELTA_COORDINATE})"]
    assert {path.name for path in folder.iterdir()} == {jar.name for jar in PINNED_JARS}
    verify_jars(folder)
    shutil.rmtree(repository)
    assert ensure_jars(said.append, prefix) == folder
    assert len(said) == 1


def test_a_repository_that_serves_something_else_is_refused(
    repository: Path, tmp_path: Path
) -> None:
    (jar,) = repository.rglob("delta-storage-*.jar")
    content = bytearray(jar.read_bytes())
    content[-1] ^= 1
    jar.write_bytes(content)
    jar.with_name(f"{jar.name}.sha1").write_text(
        hashlib.sha1(content, usedforsecurity=False).hexdigest()
    )
    with pytest.raises(JarsMissing, match=r"delta-storage-\S+ is not the pinned file"):
        ensure_jars(prefix=tmp_path / "environment")
    assert missing_jars(tmp_path / "environment")


def test_a_repository_that_is_not_there_is_told_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEFAULT_ARTIFACT_REPOSITORY", "http://127.0.0.1:1/")
    with pytest.raises(JarsMissing, match=r"failed with exit code 1\. It comes from Maven Central"):
        ensure_jars(prefix=tmp_path / "environment")


def test_a_jar_that_is_gone_or_cut_off_is_missing(tmp_path: Path) -> None:
    folder = jars_folder(tmp_path)
    shutil.copytree(jars_folder(), folder)
    assert missing_jars(tmp_path) == ()
    gone, cut_off = PINNED_JARS[0].name, PINNED_JARS[1].name
    (folder / gone).unlink()
    (folder / cut_off).write_bytes(b"PK")
    assert missing_jars(tmp_path) == (gone, cut_off)
    with pytest.raises(JarsMissing, match=f"without {gone}"):
        verify_jars(folder)
