"""Which state of a dataset is being read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Self

from nyc311_assets.pipeline.soda.errors import MalformedAnswerError

# The metadata's names of types that the query language and its x-soda2-types header call otherwise.
_SODA_TYPES = {"calendar_date": "floating_timestamp", "location": "point"}


@dataclass(frozen=True, slots=True)
class DatasetVersion:
    """One published state of a dataset.

    Attributes:
        dataset_id: The portal's four-by-four id.
        name: The dataset's title.
        rows_updated_at: When its rows last changed, in UTC, to the second.
        columns: API names of its public columns in its order, without the portal's computed
            regions.
        provenance: Who vouches for the rows: "official" or "community" on a portal, "synthetic"
            or "files" from the embedded feed.
        types: SODA type of every column, by API name: "text", "number", "floating_timestamp",
            "point", and the portal's other names as they are.
    """

    dataset_id: str
    name: str
    rows_updated_at: datetime
    columns: tuple[str, ...]
    provenance: str
    types: Mapping[str, str]

    @classmethod
    def from_metadata(cls, dataset_id: str, metadata: Any) -> Self:
        """Read the answer of `/api/views/{id}.json`.

        Raises:
            MalformedAnswerError: It lacks the columns, their types or `rowsUpdatedAt`.
        """
        try:
            types = {
                column["fieldName"]: _soda_type(column["dataTypeName"])
                for column in metadata["columns"]
                if not column["fieldName"].startswith(":")
                and "hidden" not in (column.get("flags") or ())
            }
            version = cls(
                dataset_id=dataset_id,
                name=str(metadata["name"]),
                rows_updated_at=datetime.fromtimestamp(int(metadata["rowsUpdatedAt"]), UTC),
                columns=tuple(types),
                provenance=str(metadata.get("provenance") or "unknown"),
                types=types,
            )
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError, OSError) as error:
            raise MalformedAnswerError(
                f"The metadata of dataset {dataset_id} cannot be read: "
                f"{type(error).__name__} {error}."
            ) from error
        if not types:
            raise MalformedAnswerError(f"The metadata of dataset {dataset_id} names no columns.")
        return version

    def to_json(self) -> dict[str, Any]:
        """A value that JSON can hold, for `from_json`."""
        return asdict(self) | {
            "rows_updated_at": int(self.rows_updated_at.timestamp()),
            "columns": list(self.columns),
            "types": dict(self.types),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """The version that `to_json` wrote."""
        return cls(
            dataset_id=value["dataset_id"],
            name=value["name"],
            rows_updated_at=datetime.fromtimestamp(value["rows_updated_at"], UTC),
            columns=tuple(value["columns"]),
            provenance=value["provenance"],
            types=value["types"],
        )


def _soda_type(data_type_name: str) -> str:
    return _SODA_TYPES.get(data_type_name, data_type_name)
