"""pandera's validation and the one pass of the pipeline come to the same verdicts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.contracts import RAW_311, Column, silver_requests
from nyc311_assets.pipeline.contracts.silver import typed_rows
from nyc311_assets.pipeline.models import broken_rules, model
from nyc311_assets.pipeline.rows import judge, parse
from nyc311_assets.pipeline.tables import Lakehouse, Table
from nyc311_assets_tests.pipeline.rows import PulledRow, land

pytestmark = [pytest.mark.spark, pytest.mark.long]

DAY = date(2026, 3, 10)
CREATED = f"{DAY}T10:00:00.000"
UPDATED = datetime(2026, 3, 11, tzinfo=UTC)
CONTRACT = typed_rows(NEW_YORK)


# Its columns with a rule that pandera checks, by a query each.
def _rejects(column: Column) -> bool:
    return any(rule.consequence != "flagged" for rule in column.rules)


JUDGED = replace(CONTRACT, columns=tuple(column for column in CONTRACT.columns if _rejects(column)))
RULES = {rule.name: rule for rule in CONTRACT.rules}

# What the source sends to break a rule.
REJECTED: dict[str, PulledRow] = {
    "unique_key is missing": PulledRow(" ", CREATED, UPDATED, row_id="keyless"),
    "created_date is missing or not a time": PulledRow("a", "soon", UPDATED, pulled_date=DAY),
    "created_date is not in the day that was asked for": PulledRow(
        "b", "2099-03-10T10:00:00.000", UPDATED, pulled_date=DAY
    ),
    "agency is missing": PulledRow("c", CREATED, UPDATED, {"agency": "\t"}),
    "complaint_type is missing": PulledRow("d", CREATED, UPDATED, {"complaint_type": ""}),
    "borough is unknown": PulledRow("e", CREATED, UPDATED, {"borough": "Atlantis"}),
    "longer than 65,536 characters": PulledRow("f", CREATED, UPDATED, {"descriptor": "x" * 65_536}),
}
CLOSED = {"status": "Closed", "closed_date": "2026-03-10T12:00:00.000"}
FLAGGED: dict[str, dict[str, str]] = {
    "closed before created": {**CLOSED, "closed_date": "2026-03-10T08:00:00.000"},
    "closed without a closing date": {"status": " CLOSED "},
    "closing date but not closed": {**CLOSED, "status": "Open"},
    "closed after the source's update": {**CLOSED, "closed_date": "2026-04-10T12:00:00.000"},
    "due before created": {"due_date": "2026-03-09T12:00:00.000"},
    "coordinates outside the city": {"latitude": "0.0", "longitude": "0.0"},
}
SOUND = [
    PulledRow("plain", CREATED, UPDATED),
    PulledRow(
        "tidied",
        CREATED,
        UPDATED,
        {"complaint_type": " Noise\t -  Residential\u00a0", "agency": " NYPD\r\n", **CLOSED},
    ),
    # More bytes than a payload may have characters.
    PulledRow("accented", CREATED, UPDATED, {"descriptor": "\u00e9" * 40_000}),
    PulledRow(
        "placed", CREATED, UPDATED, {"borough": "", "latitude": "40.7128", "longitude": "-74.0060"}
    ),
]
# What no row of the source can bring about, made by hand.
RULED_OUT: dict[str, dict[str, Any]] = {
    "unique_key is not tidy on one line": {"unique_key": "two  blanks"},
    "agency is not tidy on one line": {"agency": "NYPD "},
    "complaint_type is not tidy on one line": {"complaint_type": "Noise\u00a0"},
    "borough_found_by is none of its ways": {"borough_found_by": "guess"},
    "hours_to_close is negative": {"hours_to_close": -0.5},
}


@pytest.fixture(scope="module")
def judged(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> DataFrame:
    """Every row, typed and judged, with its payload."""
    folder: Path = tmp_path_factory.mktemp("models")
    lakehouse = Lakehouse(str(folder))
    odd = [PulledRow(name, CREATED, UPDATED, fields) for name, fields in FLAGGED.items()]
    land(spark, lakehouse, "b", DAY, [*SOUND, *odd, *REJECTED.values()])
    # Clocks that differ, but by more than a day.
    early = [PulledRow("early", CREATED, UPDATED)]
    land(spark, lakehouse, "early", DAY, early, ingested_at=UPDATED - timedelta(days=3))
    raw = Table(spark, lakehouse, RAW_311).read()
    parsed = parse(raw, NEW_YORK)
    reasons = judge(parsed, NEW_YORK).select("batch_id", "source_row_id", "reasons")
    typed = parsed.join(reasons, ["batch_id", "source_row_id"])
    typed.write.format("delta").save(str(folder / "judged"))
    return spark.read.format("delta").load(str(folder / "judged"))


def test_each_rule_that_rejects_or_flags_is_broken_by_a_row_of_this_test() -> None:
    by_consequence = {
        consequence: {rule.name for rule in RULES.values() if rule.consequence == consequence}
        for consequence in ("rejected", "flagged", "ruled out")
    }
    assert by_consequence == {
        "rejected": set(REJECTED),
        "flagged": {*FLAGGED, "created after it was pulled"},
        "ruled out": set(RULED_OUT),
    }


def test_pandera_accepts_every_row_that_the_one_pass_finds_sound(judged: DataFrame) -> None:
    sound = judged.where(F.size("reasons") == 0)
    flags = {
        row["unique_key"]: row["flags"] for row in sound.select("unique_key", "flags").collect()
    }
    assert flags == {
        **{row.key: [] for row in SOUND},
        **{name: [name] for name in FLAGGED},
        "early": ["created after it was pulled"],
    }
    assert broken_rules(sound, CONTRACT) == frozenset()


@pytest.mark.parametrize("name", list(REJECTED))
def test_pandera_refuses_what_the_one_pass_rejects_for_the_same_reason(
    judged: DataFrame, name: str
) -> None:
    row_id = REJECTED[name].row_id or f"row-{REJECTED[name].key}"
    row = judged.where(F.col("source_row_id") == row_id)
    assert [each["reasons"] for each in row.select("reasons").collect()] == [[name]]
    assert broken_rules(row, JUDGED) == {name}


def test_pandera_refuses_what_typing_rules_out(judged: DataFrame) -> None:
    plain = judged.where("unique_key = 'plain'")
    changed = [
        plain.withColumns({column: F.lit(value) for column, value in values.items()})
        for values in RULED_OUT.values()
    ]
    everything = changed[0]
    for frame in changed[1:]:
        everything = everything.unionByName(frame)
    assert broken_rules(everything, JUDGED) == set(RULED_OUT)


def test_the_model_of_a_table_has_its_rules_but_not_those_of_the_pull(judged: DataFrame) -> None:
    contract = silver_requests(NEW_YORK)
    schema = model(contract)
    assert list(schema.columns) == list(contract.column_names)
    assert not schema.columns["unique_key"].nullable
    names = {rule.name for rule in contract.rules}
    assert "borough is unknown" in names
    assert "created_date is not in the day that was asked for" not in names
    with pytest.raises(ValueError, match=r"not the columns of silver\.requests.*first_seen"):
        broken_rules(judged, contract)
