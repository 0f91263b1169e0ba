from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from nyc311_assets.pipeline.checks.fields import check_fields, field_differences
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.pulls import Batch, Provenance, PulledDay

LAST_OF_OLD, FIRST_OF_NEW = date(2019, 12, 31), date(2020, 1, 1)
OLD, NEW = (dataset.dataset_id for dataset in NEW_YORK.datasets)


def pulled(day: date, dataset_id: str, partition: date, columns: dict[str, str]) -> PulledDay:
    source = Provenance(dataset_id, "$select=:id", ("0" * 64,), columns)
    return PulledDay(day, 1, 1, partition, datetime(2020, 1, 2), source)


def batch_of(*days: PulledDay) -> Batch:
    at = datetime(2020, 1, 2, tzinfo=UTC)
    return Batch("b1", "test", True, at, None, at, days)


def test_a_pull_over_both_datasets_with_all_their_fields_passes() -> None:
    batch = batch_of(
        pulled(LAST_OF_OLD, OLD, FIRST_OF_NEW, NEW_YORK.expected_types(OLD)),
        pulled(FIRST_OF_NEW, NEW, FIRST_OF_NEW, NEW_YORK.expected_types(NEW)),
    )
    verdicts = check_fields(NEW_YORK, batch, FIRST_OF_NEW)
    assert all(verdict.passed for verdict in verdicts)
    assert all(verdict.figures["datasets"] == f"{OLD}, {NEW}" for verdict in verdicts)


def test_a_partition_is_judged_by_its_own_datasets_only() -> None:
    lacking = {name: t for name, t in NEW_YORK.expected_types(NEW).items() if name != "borough"}
    batch = batch_of(
        pulled(LAST_OF_OLD, OLD, LAST_OF_OLD, NEW_YORK.expected_types(OLD)),
        pulled(FIRST_OF_NEW, NEW, FIRST_OF_NEW, lacking),
    )
    assert check_fields(NEW_YORK, batch, LAST_OF_OLD)[0].passed
    wrong = check_fields(NEW_YORK, batch, FIRST_OF_NEW)[0]
    assert not wrong.passed
    assert wrong.figures["missing"] == f"borough of {NEW}: expected text"


def test_what_a_dataset_is_known_to_lack_or_to_type_otherwise_is_no_failure() -> None:
    older, newer = NEW_YORK.datasets
    city = replace(
        NEW_YORK,
        datasets=(
            replace(
                older, absent_fields=frozenset({"descriptor_2"}), other_types={"bbl": "number"}
            ),
            newer,
        ),
    )
    columns = {**NEW_YORK.expected_types(OLD), "bbl": "number"}
    del columns["descriptor_2"]
    day = pulled(LAST_OF_OLD, OLD, LAST_OF_OLD, columns)
    assert all(verdict.passed for verdict in check_fields(city, batch_of(day), LAST_OF_OLD))
    assert not check_fields(NEW_YORK, batch_of(day), LAST_OF_OLD)[0].passed


def test_a_field_that_a_dataset_gets_after_all_is_not_new_to_the_city() -> None:
    differences = field_differences(
        {"a": "text"}, {"a": "text", "b": "text"}, frozenset({"a", "b"})
    )
    assert (differences.missing, differences.retyped, differences.new) == ({}, {}, {})


def test_a_dataset_that_the_city_does_not_have_has_no_expected_types() -> None:
    with pytest.raises(ValueError, match="has no dataset aaaa-aaaa"):
        NEW_YORK.expected_types("aaaa-aaaa")
