"""Answers over HTTP, against DuckDB as an independent judge of the same rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import duckdb
import httpx
import orjson
import pytest

from nyc311_assets.local.feed.files.source import FileSource
from nyc311_assets.local.feed.server import running_feed

BOROUGHS = ("BRONX", "BROOKLYN", None)
CITIES = ("NEW YORK", "new york", 'say "hi"\n', "100%", "a_b", "Ærø", None)


def some_rows() -> list[dict[str, Any]]:
    start = datetime(2026, 6, 1, 20)
    rows = []
    for number in range(60):
        created = start + timedelta(minutes=37 * number)
        row = {
            "unique_key": str(900 + number),
            "created_date": created.isoformat(timespec="milliseconds"),
            "closed_date": (created + timedelta(hours=number)).isoformat() if number % 3 else None,
            "agency": ("NYPD", "DOT", "HPD")[number % 3],
            "borough": BOROUGHS[number % len(BOROUGHS)],
            "city": CITIES[number % len(CITIES)],
            "latitude": f"{40 + number / 7:.6f}" if number % 4 else None,
        }
        rows.append({name: value for name, value in row.items() if value is not None})
    return rows


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    page = tmp_path_factory.mktemp("rows") / "page.json"
    page.write_bytes(orjson.dumps(some_rows()))
    with running_feed(FileSource([page])) as feed, httpx.Client(base_url=feed.url) as client:
        yield client


def answer(client: httpx.Client, **clauses: str) -> list[dict[str, str]]:
    parameters = {f"${name}": value for name, value in clauses.items()}
    response = client.get("/resource/erm2-nwe9.json", params=parameters)
    assert response.status_code == 200, response.text
    rows: list[dict[str, str]] = response.json()
    return rows


def judged(sql: str) -> list[tuple[Any, ...]]:
    connection = duckdb.connect()
    columns = ("unique_key", "created_date", "closed_date", "agency", "borough", "city", "latitude")
    connection.execute(
        "CREATE TABLE r (unique_key TEXT, created_date TIMESTAMP, closed_date TIMESTAMP,"
        " agency TEXT, borough TEXT, city TEXT, latitude DOUBLE)"
    )
    connection.executemany(
        "INSERT INTO r VALUES (?, ?, ?, ?, ?, ?, ?)",
        [[row.get(column) for column in columns] for row in some_rows()],
    )
    return connection.execute(sql).fetchall()


@pytest.mark.parametrize(
    "condition",
    [
        "agency = 'NYPD'",
        "agency != 'NYPD' AND borough IS NOT NULL",
        "borough <> 'BRONX'",
        "NOT (borough = 'BRONX')",
        "borough IS NULL OR latitude > 45",
        "latitude BETWEEN 41 AND 43.5",
        "latitude NOT BETWEEN 41 AND 43.5",
        "latitude >= -1",
        "agency IN ('DOT', 'HPD') AND borough IN ('BRONX', 'QUEENS')",
        "borough NOT IN ('BRONX')",
        "city LIKE '%a%'",
        "city LIKE 'a_b'",
        "city NOT LIKE 'NEW%'",
        "starts_with(city, 'NEW')",
        "contains(city, 'w')",
        "upper(city) = 'NEW YORK' AND trim(agency) = 'NYPD'",
        "lower(city) = 'new york'",
        "created_date > '2026-06-02T00:00:00.000' AND created_date < '2026-06-02T12:00:00'",
        "closed_date <= created_date OR closed_date IS NULL",
        "closed_date > created_date AND created_date <= '2026-06-02'",
        "true",
        "created_date < '2020-01-01'",
        "created_date IS NULL",
        "created_date IS NULL AND agency = 'DOT'",
        "created_date IS NULL OR agency = 'DOT'",
        "created_date <= '2026-06-02T01:00:00.000' OR created_date IS NULL",
        "created_date IS NOT NULL",
        "NOT (created_date IS NULL)",
    ],
)
def test_a_condition_keeps_the_rows_that_duckdb_keeps(client: httpx.Client, condition: str) -> None:
    found = answer(client, select="unique_key", where=condition, order="unique_key")
    expected = judged(f"SELECT unique_key FROM r WHERE {condition} ORDER BY unique_key")
    assert [(row["unique_key"],) for row in found] == expected
    assert answer(client, select="count(*)", where=condition) == [{"count": str(len(expected))}]


@pytest.mark.parametrize(
    "order",
    [
        "city, unique_key DESC",
        "city DESC, latitude",
        "latitude DESC, unique_key",
        "created_date DESC",
        "created_date, agency",
        "borough, closed_date DESC, unique_key",
    ],
)
def test_rows_come_in_the_order_of_postgresql(client: httpx.Client, order: str) -> None:
    # PostgreSQL takes null for the largest value; DuckDB has to be told.
    terms = [
        f"{term} NULLS FIRST" if term.endswith("DESC") else f"{term} NULLS LAST"
        for term in order.split(", ")
    ]
    sql = f"SELECT unique_key FROM r ORDER BY {', '.join([*terms, 'created_date'])}"
    for offset, limit in ((0, 1000), (5, 20), (58, 9), (0, 0), (100, 1)):
        found = answer(
            client, select="unique_key", order=order, limit=str(limit), offset=str(offset)
        )
        expected = judged(f"{sql} LIMIT {limit} OFFSET {offset}")
        assert [(row["unique_key"],) for row in found] == expected


def text_of(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    return f"{value:g}" if isinstance(value, float) else str(value)


def as_rows(columns: Sequence[str], values: Sequence[tuple[Any, ...]]) -> list[dict[str, str]]:
    return [
        {
            name: text_of(value)
            for name, value in zip(columns, row, strict=True)
            if value is not None
        }
        for row in values
    ]


def test_days_are_counted_grouped_and_ordered(client: httpx.Client) -> None:
    found = answer(
        client,
        select="date_trunc_ymd(created_date) AS day,count(*) AS row_count",
        where="created_date >= '2026-06-01' AND created_date < '2026-06-03'",
        group="day",
        order="day DESC",
    )
    expected = judged(
        "SELECT date_trunc('day', created_date)::TIMESTAMP, count(*) FROM r"
        " WHERE created_date < '2026-06-03' GROUP BY 1 ORDER BY 1 DESC"
    )
    assert found == as_rows(("day", "row_count"), expected)


def test_groups_have_every_aggregate(client: httpx.Client) -> None:
    found = answer(
        client,
        select="agency,count(*) AS n,count(city) AS named,min(latitude) AS south,"
        "max(closed_date) AS last,min(city) AS first_city",
        group="agency",
        order="agency",
        where="created_date > '2026-06-01'",
    )
    expected = judged(
        "SELECT agency, count(*), count(city), min(latitude), max(closed_date), min(city)"
        " FROM r GROUP BY agency ORDER BY agency"
    )
    names = ("agency", "n", "named", "south", "last", "first_city")
    assert [{**row, "south": f"{float(row['south']):g}"} for row in found] == as_rows(
        names, expected
    )


def test_sums_and_means_are_of_known_values_only(client: httpx.Client) -> None:
    found = answer(client, select="sum(latitude) AS s,avg(latitude) AS a,avg(latitude) AS b")
    total, mean = judged("SELECT sum(latitude), avg(latitude) FROM r")[0]
    assert float(found[0]["s"]) == pytest.approx(total)
    assert float(found[0]["a"]) == pytest.approx(mean)
    assert found[0]["a"] == found[0]["b"]


def test_groups_can_be_filtered_and_keys_be_expressions(client: httpx.Client) -> None:
    found = answer(
        client,
        select="date_extract_hh(created_date) AS hour,count(*) AS n",
        group="date_extract_hh(created_date)",
        having="n > 2",
        order="n DESC,hour",
    )
    expected = judged(
        "SELECT hour(created_date), count(*) FROM r GROUP BY 1 HAVING count(*) > 2"
        " ORDER BY 2 DESC, 1"
    )
    assert found == as_rows(("hour", "n"), expected)


def test_parts_of_dates_are_numbers_and_sunday_is_zero(client: httpx.Client) -> None:
    found = answer(
        client,
        select="date_extract_y(created_date) AS y,date_extract_m(created_date) AS m,"
        "date_extract_d(created_date) AS d,date_extract_dow(created_date) AS dow,"
        "date_trunc_ym(created_date) AS month,date_trunc_y(created_date) AS year",
        limit="1",
    )
    assert found == [
        {
            "y": "2026",
            "m": "6",
            "d": "1",
            "dow": "1",
            "month": "2026-06-01T00:00:00.000",
            "year": "2026-01-01T00:00:00.000",
        }
    ]


def test_no_rows_still_make_one_ungrouped_count(client: httpx.Client) -> None:
    nothing = "agency = 'NOBODY'"
    assert answer(client, select="count(*) AS n,max(city) AS c", where=nothing) == [{"n": "0"}]
    assert answer(client, select="agency,count(*)", where=nothing, group="agency") == []
    assert answer(client, select="max(created_date) AS reach", where=nothing) == [{}]


def test_extremes_of_created_date_are_those_of_the_rows(client: httpx.Client) -> None:
    newest = judged("SELECT max(created_date), min(created_date) FROM r")[0]
    assert answer(client, select="max(created_date) AS reach") == as_rows(("reach",), [newest[:1]])
    assert answer(client, select="min(created_date) AS first") == as_rows(("first",), [newest[1:]])


def test_system_fields_come_first_and_their_times_are_utc(client: httpx.Client) -> None:
    row = answer(client, select=":*,*", limit="1")[0]
    assert list(row)[:5] == [":id", ":version", ":created_at", ":updated_at", "unique_key"]
    assert row[":id"].startswith("row-")
    assert row[":updated_at"].endswith(".000Z")
    same = answer(client, select=":id", where=f":updated_at = '{row[':updated_at']}'", limit="1")
    assert same == [{":id": row[":id"]}]


def test_text_is_escaped_in_json_and_quoted_in_csv(client: httpx.Client) -> None:
    cities = {row["city"] for row in answer(client, select="city", where="city IS NOT NULL")}
    assert cities == {city for city in CITIES if city}
    lines = client.get(
        "/resource/erm2-nwe9.csv", params={"$select": "agency,city,'x' AS x", "$limit": "7"}
    ).text
    assert lines.startswith('"agency","city","x"\n"NYPD","NEW YORK","x"\n')
    assert '"HPD","say ""hi""\n","x"\n' in lines
    assert '"NYPD",,"x"\n' in lines


def test_constants_and_conditions_can_be_selected(client: httpx.Client) -> None:
    found = answer(client, select="1 AS one,agency = 'NYPD' AS police,null AS n", limit="2")
    assert found == [{"one": "1", "police": "true"}, {"one": "1", "police": "false"}]
