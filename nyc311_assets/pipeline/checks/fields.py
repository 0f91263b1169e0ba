"""Checks of a pull's columns: the source's fields as published against those the city names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from nyc311_assets.pipeline.checks.spec import (
    DATA_ENGINEERING,
    CheckSpec,
    Figure,
    Verdict,
)
from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.pulls import Batch

FIELDS_AS_EXPECTED = CheckSpec(
    "fields_as_expected",
    "ERROR",
    "The source has every field of the city in the expected type. Silver would fill a missing or "
    "retyped field with nulls: change the city's fields (or its dataset's absent_fields and "
    "other_types) to what the source has, then pull the partition again.",
    owner=DATA_ENGINEERING,
)
NO_NEW_FIELDS = CheckSpec(
    "no_new_fields",
    "WARN",
    "The source has no field that the city does not name. A new one is in bronze's payload from "
    "the first pull on; add it to the city's fields to have it in silver.",
    owner=DATA_ENGINEERING,
)

FIELD_CHECKS = (FIELDS_AS_EXPECTED, NO_NEW_FIELDS)


@dataclass(frozen=True, slots=True)
class FieldDifferences:
    """How one dataset's columns differ from what its city says.

    Attributes:
        missing: Expected type of each field that the source does not have.
        retyped: Expected and found type of each field that has another type.
        new: Type of each field that the city does not name.
    """

    missing: Mapping[str, str]
    retyped: Mapping[str, tuple[str, str]]
    new: Mapping[str, str]


def field_differences(
    expected: Mapping[str, str], found: Mapping[str, str], known: frozenset[str]
) -> FieldDifferences:
    """Compare the columns that a dataset has with those expected of it.

    Args:
        expected: SODA type by API name, as City.expected_types gives it.
        found: SODA type by API name, as published.
        known: Names of all the city's fields: one that a dataset is not expected to have and
            gets after all is no new field.
    """
    return FieldDifferences(
        missing={name: type_ for name, type_ in expected.items() if name not in found},
        retyped={
            name: (type_, found[name])
            for name, type_ in expected.items()
            if name in found and found[name] != type_
        },
        new={name: type_ for name, type_ in found.items() if name not in known},
    )


def check_fields(city: City, batch: Batch, partition: date) -> tuple[Verdict, ...]:
    """Verdicts on the columns of the datasets that one partition was pulled from.

    A batch from before columns were recorded is not judged: both checks pass and say so.
    """
    published = {
        day.provenance.dataset_id: day.provenance.source_columns
        for day in batch.of_partition(partition)
        if day.provenance is not None
    }
    if not published:
        unknown: dict[str, Figure] = {"not_judged": "the batch's record has no columns"}
        return tuple(Verdict(spec, True, unknown) for spec in FIELD_CHECKS)
    known = frozenset(field.name for field in city.fields)
    differences = {
        dataset_id: field_differences(city.expected_types(dataset_id), found, known)
        for dataset_id, found in published.items()
    }
    missing = [
        f"{name} of {dataset_id}: expected {type_}"
        for dataset_id, difference in differences.items()
        for name, type_ in difference.missing.items()
    ]
    retyped = [
        f"{name} of {dataset_id}: expected {wanted}, found {found}"
        for dataset_id, difference in differences.items()
        for name, (wanted, found) in difference.retyped.items()
    ]
    new = [
        f"{name} of {dataset_id}: {type_}"
        for dataset_id, difference in differences.items()
        for name, type_ in difference.new.items()
    ]
    datasets = ", ".join(published)
    return (
        Verdict(
            FIELDS_AS_EXPECTED,
            not missing and not retyped,
            {"missing": "; ".join(missing), "retyped": "; ".join(retyped), "datasets": datasets},
            # Silver would merge the other days of the pull beside rows full of nulls.
            blocks_run=True,
        ),
        Verdict(NO_NEW_FIELDS, not new, {"new": "; ".join(new), "datasets": datasets}),
    )
