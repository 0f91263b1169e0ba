"""Answers kept on disk, so that a re-run fetches nothing twice."""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pyarrow as pa

from nyc311_assets.pipeline.soda.queries import Query
from nyc311_assets.pipeline.soda.version import DatasetVersion

_MAGIC = b"soda1"
_DIGEST_BYTES = hashlib.sha256().digest_size
_SIZE_BYTES = 8
_SOURCE_FOLDER = re.compile(r"[0-9a-f]{16}")

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AnswerCache:
    """Bodies of answers, by source, query and the dataset's version.

    An entry is one file, `<source>/<dataset>/<rowsUpdatedAt>/<query>`: the body's SHA-256 and
    length, then the body compressed with Zstandard. The folder serves one source at a time: the
    first answer of another source, or of a newer version of a dataset, evicts what it replaces.

    Several processes may share it. It needs only whole-file writes, renames within a folder and
    deletes, which is what a Databricks Volume's mount offers (no appends, no locks, no random
    writes); where a rename is not atomic, the digest tells a half-written entry.

    Attributes:
        folder: Where entries are; made when the first is written.
        source: Name of the source. Answers under one name and version must be the same.
    """

    folder: Path
    source: str

    def get(self, query: Query, version: DatasetVersion) -> bytes | None:
        """The body of the answer to a query, or None when it is not here.

        An entry that is damaged is deleted and counts as not here.
        """
        path = self._path(query, version)
        try:
            entry = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            _logger.warning("Could not read the cache entry %s: %s. Fetching instead.", path, error)
            return None
        body = _decode(entry)
        if body is None:
            _logger.warning("The cache entry %s of %s is damaged; deleting it.", path, query)
            _delete(path)
        return body

    def put(self, query: Query, version: DatasetVersion, body: bytes) -> None:
        """Keep the body of an answer.

        A cache that cannot be written costs time, not rows, so that is only logged.
        """
        path = self._path(query, version)
        part = path.with_name(f".{uuid4().hex}.part")
        try:
            if not path.parent.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                self._evict(version)
            part.write_bytes(_encode(body))
            part.replace(path)
        except OSError as error:
            _delete(part)
            _logger.warning(
                "Could not keep the answer for %s in %s: %s. The next run fetches it again; "
                "check the folder's space and permissions.",
                query,
                self.folder,
                error,
            )

    def _path(self, query: Query, version: DatasetVersion) -> Path:
        return (
            self._dataset_folder(version)
            / f"{int(version.rows_updated_at.timestamp())}"
            / f"{hashlib.sha256(query.text.encode()).hexdigest()}.json.zst"
        )

    def _source_folder(self) -> Path:
        return self.folder / hashlib.sha256(self.source.encode()).hexdigest()[:16]

    def _dataset_folder(self, version: DatasetVersion) -> Path:
        return self._source_folder() / version.dataset_id

    def _evict(self, version: DatasetVersion) -> None:
        """Delete other sources' answers and this dataset's older versions.

        Only folders named as this class names them are touched.
        """
        for folder in self.folder.iterdir():
            if _SOURCE_FOLDER.fullmatch(folder.name) and folder != self._source_folder():
                shutil.rmtree(folder, ignore_errors=True)
        newest = int(version.rows_updated_at.timestamp())
        for folder in self._dataset_folder(version).iterdir():
            if folder.name.isdecimal() and int(folder.name) < newest:
                shutil.rmtree(folder, ignore_errors=True)


def _delete(path: Path) -> None:
    """Delete a file if that is possible; what stays is never taken for an answer."""
    with suppress(OSError):
        path.unlink()


def _encode(body: bytes) -> bytes:
    return b"".join(
        (
            _MAGIC,
            hashlib.sha256(body).digest(),
            len(body).to_bytes(_SIZE_BYTES, "big"),
            pa.compress(body, codec="zstd", asbytes=True),
        )
    )


def _decode(entry: bytes) -> bytes | None:
    header = len(_MAGIC) + _DIGEST_BYTES + _SIZE_BYTES
    if len(entry) < header or not entry.startswith(_MAGIC):
        return None
    digest = entry[len(_MAGIC) : len(_MAGIC) + _DIGEST_BYTES]
    size = int.from_bytes(entry[header - _SIZE_BYTES : header], "big")
    try:
        body: bytes = pa.decompress(entry[header:], size, codec="zstd", asbytes=True)
    except (OSError, MemoryError, OverflowError, pa.ArrowException):
        return None
    return body if hashlib.sha256(body).digest() == digest else None
