from __future__ import annotations

import pytest

from nyc311_assets.local.feed.soql.binding import Plan, bind
from nyc311_assets.local.feed.soql.errors import (
    AggregateInUngroupedContext,
    DuplicateAlias,
    NoSuchColumn,
    NoSuchFunction,
    NotInGroupBy,
    SoqlError,
    TypeMismatch,
)
from nyc311_assets.local.feed.soql.parser import parse


def bound(text: str) -> Plan:
    return bind(parse(text), "erm2-nwe9")


def test_columns_have_the_types_of_the_dataset() -> None:
    plan = bound("SELECT :*, created_date, latitude, location")
    assert [(output.name, output.type) for output in plan.outputs] == [
        (":id", "row_identifier"),
        (":version", "text"),
        (":created_at", "fixed_timestamp"),
        (":updated_at", "fixed_timestamp"),
        ("created_date", "floating_timestamp"),
        ("latitude", "number"),
        ("location", "point"),
    ]


def test_expressions_without_alias_are_named_as_at_the_portal() -> None:
    plan = bound(
        "SELECT count(*), max(created_date), date_trunc_ymd(created_date) GROUP BY created_date, date_trunc_ymd(created_date)"
    )
    assert [output.name for output in plan.outputs] == [
        "count",
        "max_created_date",
        "date_trunc_ymd_created_date",
    ]


def test_names_that_would_repeat_are_numbered() -> None:
    plan = bound("SELECT upper(agency), upper(agency), 'two words', 1")
    assert [output.name for output in plan.outputs] == [
        "upper_agency",
        "upper_agency_1",
        "two_words",
        "1_0",
    ]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("SELECT nope", NoSuchColumn, "No such column: nope"),
        ("SELECT agency WHERE nope = 1", NoSuchColumn, "No such column: nope"),
        ("SELECT soundex(agency)", NoSuchFunction, "No such function: soundex"),
        ("SELECT upper(agency, city)", NoSuchFunction, "upper of 2 arguments"),
        ("SELECT max(agency, city)", NoSuchFunction, "max of 2 arguments"),
        ("SELECT agency WHERE agency = 1", TypeMismatch, r"op\$=, is number"),
        ("SELECT agency WHERE created_date > 'soon'", TypeMismatch, r"op\$>, is text"),
        ("SELECT agency WHERE latitude > 'north'", TypeMismatch, r"op\$>, is text"),
        ("SELECT agency WHERE location = 'x'", TypeMismatch, r"op\$=, is point"),
        ("SELECT agency WHERE created_date = latitude", TypeMismatch, r"op\$=, is number"),
        ("SELECT agency WHERE agency LIKE city", TypeMismatch, "#LIKE, is not a literal"),
        ("SELECT agency WHERE starts_with(latitude, '4')", TypeMismatch, "starts_with, is number"),
        ("SELECT agency WHERE agency", TypeMismatch, "is text"),
        ("SELECT sum(agency)", TypeMismatch, "sum, is text"),
        ("SELECT agency, count(*)", NotInGroupBy, "not in group bys: agency"),
        ("SELECT count(*) GROUP BY agency ORDER BY city", NotInGroupBy, "city"),
        ("SELECT agency WHERE count(*) > 1", AggregateInUngroupedContext, "in WHERE"),
        ("SELECT agency ORDER BY count(*)", AggregateInUngroupedContext, "in ORDER BY"),
        ("SELECT count(*) GROUP BY count(*)", AggregateInUngroupedContext, "in GROUP BY"),
        ("SELECT max(count(*))", AggregateInUngroupedContext, "in max"),
        ("SELECT agency AS a, city AS a", DuplicateAlias, "Duplicate alias: a"),
        ("SELECT *, agency", DuplicateAlias, "Duplicate alias: agency"),
        ("SELECT agency GROUP BY agency HAVING agency", TypeMismatch, "is text"),
    ],
)
def test_an_unsound_query_is_refused_by_its_reason(
    text: str, error: type[SoqlError], message: str
) -> None:
    with pytest.raises(error, match=message) as refusal:
        bound(text)
    body = refusal.value.body()
    assert body["errorCode"] == error.error_code
    assert body["errorCode"] in body["message"]


def test_an_alias_hides_the_column_of_its_name() -> None:
    with pytest.raises(AggregateInUngroupedContext):
        bound("SELECT max(latitude) AS latitude WHERE latitude > 40")
    plan = bound("SELECT upper(agency) AS agency ORDER BY agency")
    assert plan.order[0][0] == plan.outputs[0].expression
