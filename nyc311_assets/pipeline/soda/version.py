"""Which state of a dataset is being read."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Self

from nyc311_assets.pipeline.soda.errors import MalformedAnswerError


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
    """

    dataset_id: str
    name: str
    rows_updated_at: datetime
    columns: tuple[str, ...]
    provenance: str

    @classmethod
    def from_metadata(cls, dataset_id: str, metadata: Any) -> Self:
        """Read the answer of `/api/views/{id}.json`.

        Raises:
            MalformedAnswerError: It lacks the columns or `rowsUpdatedAt`.
        """
        try:
            columns = tuple(
                column["fieldName"]
                for column in metadata["columns"]
                if not column["fieldName"].startswith(":")
                and "hidden" not in (column.get("flags") or ())
            )
            version = cls(
                dataset_id=dataset_id,
                name=str(metadata["name"]),
                rows_updated_at=datetime.fromtimestamp(int(metadata["rowsUpdatedAt"]), UTC),
                columns=columns,
                provenance=str(metadata.get("provenance") or "unknown"),
            )
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError, OSError) as error:
            raise MalformedAnswerError(
                f"The metadata of dataset {dataset_id} cannot be read: "
                f"{type(error).__name__} {error}."
            ) from error
        if not columns:
            raise MalformedAnswerError(f"The metadata of dataset {dataset_id} names no columns.")
        return version

    def to_json(self) -> dict[str, Any]:
        """A value that JSON can hold, for `from_json`."""
        return asdict(self) | {
            "rows_updated_at": int(self.rows_updated_at.timestamp()),
            "columns": list(self.columns),
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
        )
