"""Row identifiers in the portal's form, `row-cnsy~wbmx.6nqc`, from 64-bit numbers."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_ALPHABET = np.frombuffer(b"23456789abcdefghijkmnpqrstuvwxyz", dtype=np.uint8)
_SEPARATORS = np.frombuffer(b"-._~", dtype=np.uint8)
_LENGTH = 14


def mixed(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Scatter numbers over 64 bits, one to one (splitmix64's finalizer, Steele et al. 2014)."""
    scattered = numbers + np.uint64(0x9E3779B97F4A7C15)
    scattered = (scattered ^ (scattered >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    scattered = (scattered ^ (scattered >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return scattered ^ (scattered >> np.uint64(31))


def row_ids(numbers: npt.NDArray[np.uint64], prefix: Literal["row", "rv"] = "row") -> pa.Array:
    """One identifier for each number; different numbers have different identifiers."""
    start = len(prefix) + 1
    width = start + _LENGTH
    letters = np.empty((len(numbers), width), dtype=np.uint8)
    letters[:, :start] = np.frombuffer(f"{prefix}-".encode(), dtype=np.uint8)
    places = [start + place for place in (*range(4), *range(5, 9), *range(10, 14))]
    for number, place in enumerate(places):
        letters[:, place] = _ALPHABET[(numbers >> np.uint64(5 * number)) & np.uint64(31)]
    for number, place in enumerate((start + 4, start + 9)):
        letters[:, place] = _SEPARATORS[(numbers >> np.uint64(60 + 2 * number)) & np.uint64(3)]
    offsets = np.arange(len(numbers) + 1, dtype=np.int32) * np.int32(width)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(letters.reshape(-1))]
    return pa.Array.from_buffers(pa.string(), len(numbers), buffers)
