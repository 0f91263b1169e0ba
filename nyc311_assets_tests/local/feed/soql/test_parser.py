from __future__ import annotations

import pytest

from nyc311_assets.local.feed.soql.errors import MalformedQuery, SoqlError
from nyc311_assets.local.feed.soql.parser import DEFAULT_LIMIT, parse, query_from_parameters
from nyc311_assets.local.feed.soql.syntax import Call, Constant, Name, Ordering, Selected


def test_clauses_become_one_query() -> None:
    query = query_from_parameters(
        {
            "$select": "agency AS who,count(*)",
            "$where": "borough = 'BRONX'",
            "$group": "who",
            "$order": "who DESC",
            "$limit": "7",
            "$offset": "3",
            "$$app_token": "ignored",
        }
    )
    assert query.selected == (Selected(Name("agency"), "who"), Selected(Call("count/*", ())))
    assert query.where == Call("op$=", (Name("borough"), Constant("BRONX")))
    assert query.group == (Name("who"),)
    assert query.order == (Ordering(Name("who"), descending=True),)
    assert (query.limit, query.offset) == (7, 3)


def test_without_clauses_all_columns_of_the_first_page_are_meant() -> None:
    query = query_from_parameters({})
    assert (query.stars, query.limit, query.offset) == (("*",), DEFAULT_LIMIT, 0)


def test_a_parameter_without_dollar_is_a_filter_beside_the_condition() -> None:
    query = query_from_parameters({"$where": "agency = 'A' OR agency = 'B'", "city": "O'HARA"})
    assert query.where is not None
    assert (
        query.where
        == parse("SELECT * WHERE (agency = 'A' OR agency = 'B') AND city = 'O''HARA'").where
    )


def test_a_whole_query_can_be_sent() -> None:
    assert query_from_parameters({"$query": "SELECT agency LIMIT 1"}).limit == 1
    with pytest.raises(SoqlError, match="whole query"):
        query_from_parameters({"$query": "SELECT agency", "$limit": "1"})


def test_and_binds_tighter_than_or_and_not_tighter_than_both() -> None:
    flat = parse("SELECT * WHERE NOT a = 1 OR b = 2 AND c = 3").where
    assert flat == parse("SELECT * WHERE (NOT (a = 1)) OR ((b = 2) AND (c = 3))").where


def test_negated_forms_are_the_negation_of_the_form() -> None:
    assert (
        parse("SELECT * WHERE a NOT IN (1, 2)").where
        == parse("SELECT * WHERE NOT a IN (1, 2)").where
    )
    assert (
        parse("SELECT * WHERE a NOT LIKE 'x%'").where
        == parse("SELECT * WHERE NOT a LIKE 'x%'").where
    )
    assert (
        parse("SELECT * WHERE a NOT BETWEEN -1 AND 2.5").where
        == parse("SELECT * WHERE NOT a BETWEEN -1 AND 2.5").where
    )


def test_system_fields_stars_and_quoted_names_are_read() -> None:
    query = parse("select :*, *, `agency` as `a_b`, true, null where :updated_at is not null")
    assert query.stars == (":*", "*")
    assert query.selected[0] == Selected(Name("agency"), "a_b")
    assert [selected.expression for selected in query.selected[1:]] == [
        Constant(True),
        Constant(None),
    ]
    assert query.where == Call("#IS_NOT_NULL", (Name(":updated_at"),))


@pytest.mark.parametrize(
    ("text", "row", "column", "problem"),
    [
        ("SELECT :id,*", 1, 12, "Expected an expression, but got `*'"),
        ("SELECT *, :*", 1, 11, "Expected an expression, but got `:'"),
        ("SELECT a WHERE", 1, 15, "Expected an expression, but got `end of query'"),
        ("SELECT a\nWHERE b = 'x", 2, 11, "has no closing quote"),
        ("SELECT a LIMIT -1", 1, 16, "Expected a whole number"),
        ("SELECT a; DROP", 1, 9, "unexpected character `;'"),
        ("SELECT a GROUP a", 1, 16, "Expected `BY'"),
        ("SELECT a WHERE b IS 1", 1, 21, "Expected `NULL'"),
        ("SELECT a WHERE b NOT 1", 1, 22, "`BETWEEN', `IN' or `LIKE'"),
        ("SELECT a WHERE b IN (1", 1, 23, "Expected `)'"),
        ("SELECT a AS 1", 1, 13, "Expected an alias"),
        ("SELECT -a", 1, 9, "Expected a number"),
        ("SELECT a b", 1, 10, "the end of the query or the next clause"),
    ],
)
def test_text_that_is_no_soql_is_refused_at_its_place(
    text: str, row: int, column: int, problem: str
) -> None:
    with pytest.raises(MalformedQuery, match="Invalid SoQL query") as refusal:
        parse(text)
    assert problem in refusal.value.message
    assert refusal.value.data["position"] == {"row": row, "column": column}


def test_an_unknown_clause_is_named() -> None:
    with pytest.raises(SoqlError, match=r"Unrecognized arguments \[\$lmit\]"):
        query_from_parameters({"$lmit": "5"})
