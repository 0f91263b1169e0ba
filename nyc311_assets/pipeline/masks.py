"""Which columns of silver are masked, and how."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.contracts import DAILY_COUNTS, silver_requests

Way = Literal["hash", "blank"]
LEAST_SALT_CHARACTERS = 16


class MasksError(ValueError):
    """The masks cannot be applied as they were asked for."""


@dataclass(frozen=True, slots=True)
class Masks:
    """Masked columns of silver.requests.

    Attributes:
        columns: Column -> way. hash: the SHA-256 of salt and value, in hexadecimal, the same for
            the same value. blank: null.
        salt: What makes the hashes impossible to guess; secret, and empty if none is needed.
    """

    columns: Mapping[str, Way] = field(default_factory=dict)
    salt: str = field(default="", repr=False)

    @property
    def fingerprint(self) -> str:
        """A value that changes with the masks and the salt, and tells neither."""
        return hashlib.sha256(repr((sorted(self.columns.items()), self.salt)).encode()).hexdigest()


NO_MASKS = Masks()


def maskable(city: City) -> tuple[str, ...]:
    """Text columns of silver.requests that neither identify a request nor are counted by."""
    required, counted = silver_requests(city).required, DAILY_COUNTS.column_names
    return tuple(
        each.name
        for each in city.fields
        if each.soda_type == "text" and each.name not in {*required, *counted}
    )


def read_columns(text: str, city: City) -> dict[str, Way]:
    """Masks as a person writes them: `incident_address=hash,street_name=blank`.

    Raises:
        MasksError: It is not written so, or names a column twice or one that cannot be masked.
    """
    columns: dict[str, Way] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, equals, way = (each.strip() for each in part.partition("="))
        if not equals:
            raise MasksError(
                f"{part!r} names no way to mask a column: write column=hash or column=blank, "
                "separated by commas."
            )
        if name in columns:
            raise MasksError(f"{name} is named twice: name each column once.")
        columns |= checked_columns({name: way}, city)
    return columns


def checked_columns(columns: Mapping[str, str], city: City) -> dict[str, Way]:
    """The same columns, each of which can be masked so.

    Raises:
        MasksError: One cannot.
    """
    choices = maskable(city)
    found: dict[str, Way] = {}
    for name, way in columns.items():
        if name not in choices:
            known = {each.name for each in city.fields}
            why = (
                "it is no text, or requests are identified or counted by it"
                if name in known
                else f"{city.name} has no such column"
            )
            raise MasksError(f"{name} cannot be masked: {why}. Choose from {', '.join(choices)}.")
        ways = [each for each in get_args(Way) if each == way]
        if not ways:
            raise MasksError(
                f"{name} cannot be masked by {way!r}: write {name}=hash or {name}=blank."
            )
        found[name] = ways[0]
    return found


def build_masks(columns: Mapping[str, Way], salt: str | None) -> Masks:
    """Masks that can be applied.

    Raises:
        MasksError: A column is to be hashed, and there is no salt or one that can be guessed.
    """
    hashed = sorted(name for name, way in columns.items() if way == "hash")
    if hashed and len(salt or "") < LEAST_SALT_CHARACTERS:
        raise MasksError(
            f"{', '.join(hashed)}: a hash without a secret salt of at least "
            f"{LEAST_SALT_CHARACTERS} characters can be undone by hashing all addresses of the city. "
            "Set NYC311_MASK_SALT."
        )
    return Masks(dict(columns), salt or "" if hashed else "")
