"""A disk that is full, told by its name: Spark's error has neither a path nor a remedy."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterable
from pathlib import Path

# What Linux calls ENOSPC and EDQUOT; Java passes it on as text.
_SAID = ("No space left on device", "Disk quota exceeded")
_NUMBERS = (errno.ENOSPC, errno.EDQUOT)
# A disk with less is full for a file of Spark's.
_LEAST_FREE_BYTES = 64 * 1024 * 1024


class DiskFull(OSError):
    """A file could not be written for want of space."""


def is_disk_full(error: BaseException) -> bool:
    """Whether an error, or what caused it, is for want of space on a disk."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if isinstance(cause, OSError) and cause.errno in _NUMBERS:
            return True
        if any(words in str(cause) for words in _SAID):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def disk_full(folders: Iterable[Path]) -> DiskFull:
    """The error to raise instead: it names the folders on disks that are full, and the remedy.

    Args:
        folders: Where this step's files go, as far as this process can look at them.
    """
    free = {folder: shutil.disk_usage(folder).free for folder in folders if folder.exists()}
    full = [folder for folder, left in free.items() if left < _LEAST_FREE_BYTES]
    places = ", ".join(f"{folder} ({free[folder] / 1e6:,.1f} MB free)" for folder in full)
    where = places or (
        "one that Spark writes its temporary files to: none of this step's own folders is short of "
        f"space ({', '.join(map(str, free))})"
    )
    return DiskFull(
        f"A disk is full: {where}. Nothing half-written can be seen: a table has all rows of a "
        "write or none. Make room there, or take a larger disk, then run the step again."
    )
