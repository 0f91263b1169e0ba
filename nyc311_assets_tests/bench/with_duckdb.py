"""The same medallion with DuckDB: the same pages, rules, names and features; Parquet, no Delta.

It is spared what only the other side does: page digests, Delta's log and statistics, the account
of each day, the audit of the published table, masks, and the comparison with rows of earlier runs.
"""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

import duckdb

from nyc311_assets.pipeline.cities import NEW_YORK, load_boundaries
from nyc311_assets.pipeline.cities.boundaries import BAND_UNITS, UNITS_PER_DEGREE
from nyc311_assets.pipeline.contracts.rules import WAYS_TO_BOROUGH
from nyc311_assets_tests.bench.landed import Landed
from nyc311_assets_tests.bench.with_spark import Built, partitions_of

_MEMORY = "4GB"
_ZONE = NEW_YORK.time_zone.key


def build_with_duckdb(landed: Landed, folder: Path, cores: int) -> Built:
    """Bronze, silver and gold of all landed days."""
    folder.mkdir(parents=True)
    with duckdb.connect() as connection:
        connection.execute(f"SET threads = {cores}")
        connection.execute(f"SET memory_limit = '{_MEMORY}'")
        connection.execute(f"SET temp_directory = '{folder / 'spill'}'")
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET preserve_insertion_order = false")
        marks = [perf_counter()]
        for layer in (_bronze, _silver, _gold):
            layer(connection, landed, folder)
            marks.append(perf_counter())
        seconds = {
            name: end - start
            for name, start, end in zip(
                ("bronze", "silver", "gold"), marks[:-1], marks[1:], strict=True
            )
        }
        return Built(
            seconds,
            requests=_one(connection, f"SELECT count(*) FROM '{folder}/requests.parquet'"),
            rejects=_one(connection, f"SELECT count(*) FROM '{folder}/rejects.parquet'"),
            counted=_one(connection, f"SELECT sum(requests) FROM '{folder}/counts.parquet'"),
            series_days=_one(connection, f"SELECT count(*) FROM '{folder}/counts.parquet'"),
        )


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def _bronze(connection: duckdb.DuckDBPyConnection, landed: Landed, folder: Path) -> None:
    first = partitions_of(landed)[0]
    connection.execute(f"""
        COPY (
            SELECT greatest(request_date, DATE '{first}') AS ingestion_date, request_date,
                   'bench' AS batch_id, now() AS ingested_at, 'erm2-nwe9' AS dataset_id,
                   json->>'$.":id"' AS source_row_id,
                   (json->>'$.":updated_at"')::TIMESTAMPTZ AS source_updated_at,
                   json::VARCHAR AS payload
            FROM (
                SELECT json, parse_filename(filename, true)::DATE AS request_date
                FROM read_json_objects(
                    '{landed.plain}/*.json', format = 'array', filename = true,
                    maximum_object_size = 104857600
                )
            )
        ) TO '{folder}/raw' (FORMAT parquet, PARTITION_BY (ingestion_date), COMPRESSION snappy)
    """)


def _silver(connection: duckdb.DuckDBPyConnection, landed: Landed, folder: Path) -> None:
    del landed
    _places(connection)
    types = NEW_YORK.complaint_types
    _lookup(connection, "renamed", list(types.renamed.items()))
    connection.execute("CREATE TABLE renamed_at (agency VARCHAR, key VARCHAR, value VARCHAR)")
    at_agency = [
        (agency, key, value)
        for agency, names in types.renamed_at.items()
        for key, value in names.items()
    ]
    connection.executemany("INSERT INTO renamed_at VALUES (?, ?, ?)", at_agency)
    connection.execute(f"CREATE TABLE staged AS {_staged(folder)}")
    connection.execute("""
        CREATE TABLE repeated AS
        SELECT unique_key FROM staged WHERE len(reasons) = 0 GROUP BY 1 HAVING count(*) > 1
    """)
    connection.execute(f"""
        COPY (
            SELECT * EXCLUDE (payload, reasons, pulled_date, batch_id) FROM (
                SELECT * FROM staged ANTI JOIN repeated USING (unique_key) WHERE len(reasons) = 0
                UNION ALL
                SELECT * FROM staged SEMI JOIN repeated USING (unique_key) WHERE len(reasons) = 0
                QUALIFY row_number() OVER (
                    PARTITION BY unique_key ORDER BY source_updated_at DESC, source_row_id DESC
                ) = 1
            )
        ) TO '{folder}/requests.parquet' (FORMAT parquet, COMPRESSION snappy)
    """)
    connection.execute(f"""
        COPY (
            SELECT batch_id, ingestion_date, pulled_date, source_row_id, source_updated_at,
                   reasons, payload
            FROM staged WHERE len(reasons) > 0
        ) TO '{folder}/rejects.parquet' (FORMAT parquet, COMPRESSION snappy)
    """)
    connection.execute("DROP TABLE staged")


def _lookup(connection: duckdb.DuckDBPyConnection, name: str, rows: list[tuple[str, str]]) -> None:
    connection.execute(f"CREATE TABLE {name} (key VARCHAR, value VARCHAR)")
    connection.executemany(f"INSERT INTO {name} VALUES (?, ?)", rows)


def _places(connection: duckdb.DuckDBPyConnection) -> None:
    clues, boundaries = NEW_YORK.borough_clues, load_boundaries(NEW_YORK)
    decided = [(key, value) for key, value in clues.zip_codes.items() if value]
    _lookup(connection, "zip_codes", decided)
    _lookup(connection, "zip_prefixes", list(clues.zip_prefixes.items()))
    connection.execute(
        "CREATE TABLE edges (band INT, bit INT, x1 DOUBLE, y1 DOUBLE, x2 DOUBLE, y2 DOUBLE)"
    )
    edges = [(band, *edge) for band, each in enumerate(boundaries.bands) for edge in each]
    connection.execute(
        "INSERT INTO edges SELECT * FROM (VALUES " + ", ".join(map(str, edges)) + ")"
    )
    _lookup(
        connection,
        "by_bit",
        [(str(1 << number), name) for number, name in enumerate(boundaries.boroughs)],
    )


def _line(expression: str) -> str:
    """On one line, as `vocabulary.one_line` has it."""
    untidy = " OR ".join(
        f"contains(t, {part})" for part in ("'  '", "chr(9)", "chr(10)", "chr(13)", "chr(160)")
    )
    return (
        f"nullif(trim(list_transform([{expression}], lambda t: CASE WHEN {untidy} THEN "
        "regexp_replace(t, '[\\s\\x{00a0}]+', ' ', 'g') ELSE t END)[1]), '')"
    )


def _staged(folder: Path) -> str:
    """Parse, type, judge and place every row, as `rows.parse`, `places` and `contracts.rules` do."""
    clues = NEW_YORK.borough_clues
    text = ["unique_key", "agency", "complaint_type", "borough", "incident_zip", "community_board"]
    shape = "{" + ", ".join(f'"{field.name}": "VARCHAR"' for field in NEW_YORK.fields) + "}"
    times = [each.name for each in NEW_YORK.fields if each.soda_type == "floating_timestamp"]
    local = {name: name.removesuffix("_date") + "_local" for name in times}
    numbers = [each.name for each in NEW_YORK.fields if each.soda_type == "number"]
    others = [
        each.name
        for each in NEW_YORK.fields
        if each.soda_type == "text" and each.name not in text[:4]
    ]
    columns = ", ".join(
        (
            *(f"s.{name}" for name in others),
            *(f"try_cast(s.{name} AS TIMESTAMP) AS {local[name]}" for name in times),
            *(f"try_cast(s.{name} AS DOUBLE) AS {name}" for name in numbers),
        )
    )
    unreadable = [
        f"CASE WHEN s_{name} IS NOT NULL AND {column} IS NULL THEN '{name} cannot be read' END"
        for name, column in {
            **{name: local[name] for name in times if name != "created_date"},
            **{name: name for name in numbers},
        }.items()
    ]
    texts = ", ".join(f"s.{name} AS s_{name}" for name in (*times[1:], *numbers))
    boundaries = load_boundaries(NEW_YORK)
    boroughs = ", ".join(f"'{name}'" for name in NEW_YORK.boroughs)
    undecided = ", ".join(f"'{code}'" for code, name in clues.zip_codes.items() if name is None)
    shared = ", ".join(f"'{board}'" for board in clues.shared_boards)
    ways = ", ".join(f"'{way}'" for way in WAYS_TO_BOROUGH)
    y = f"(latitude - {boundaries.south}) * {UNITS_PER_DEGREE}"
    x = f"(longitude - {boundaries.west}) * {UNITS_PER_DEGREE}"
    return f"""
    WITH parsed AS (
        SELECT * EXCLUDE (request_date), request_date AS pulled_date,
               from_json(payload, '{shape}') AS s
        FROM read_parquet('{folder}/raw/*/*.parquet', hive_partitioning = true)
    ), typed AS (
        SELECT * EXCLUDE (s), {columns}, {texts}, hash(payload) AS content_hash,
               {_line('s.unique_key')} AS unique_key, {_line('s.agency')} AS agency,
               {_line('s.complaint_type')} AS line, s.complaint_type AS complaint_type_raw,
               s.borough AS borough_raw, upper({_line('s.borough')}) AS named,
               upper(s.community_board) AS board,
               regexp_extract(s.incident_zip, '^\\s*(\\d{{5}})(?:\\s*-?\\s*\\d{{4}})?\\s*$', 1) AS zip
        FROM parsed
    ), boards AS (
        SELECT *, regexp_extract(board, '^\\s*(?:0*(\\d{{1,2}})|UNSPECIFIED)\\s+(\\S.*?)\\s*$', 2)
                   AS board_borough,
               regexp_extract(board, '^\\s*(?:0*(\\d{{1,2}})|UNSPECIFIED)\\s+(\\S.*?)\\s*$', 1)
                   AS board_number
        FROM typed
    ), ways AS (
        SELECT boards.*,
               coalesce(renamed_at.value, renamed.value, line) AS complaint_type,
               CASE WHEN named <> 'UNSPECIFIED' THEN named END AS way_0,
               CASE WHEN board_borough IN ({boroughs})
                     AND board_number || ' ' || board_borough NOT IN ({shared})
                    THEN board_borough END AS way_1,
               CASE WHEN zip NOT IN ({undecided})
                    THEN coalesce(zip_codes.value, zip_prefixes.value) END AS way_2
        FROM boards
        LEFT JOIN renamed_at ON renamed_at.agency = boards.agency AND renamed_at.key = line
        LEFT JOIN renamed ON renamed.key = line
        LEFT JOIN zip_codes ON zip_codes.key = zip
        LEFT JOIN zip_prefixes ON zip_prefixes.key = left(zip, 3)
    ), crossed AS (
        SELECT source_row_id AS crossed_id, bit_xor(bit) AS inside
        FROM (SELECT source_row_id, {y} AS y, {x} AS x FROM ways
              WHERE coalesce(way_0, way_1, way_2) IS NULL) AS points
        JOIN edges ON edges.band = floor(y / {BAND_UNITS})::INT
         AND ((y1 > y) <> (y2 > y)) AND x < (x2 - x1) * (y - y1) / (y2 - y1) + x1
        GROUP BY 1
    ), placed AS (
        SELECT ways.*, by_bit.value AS way_3,
               coalesce(way_0, way_1, way_2, way_3, 'UNSPECIFIED') AS borough,
               [{ways}][CASE WHEN way_0 IS NOT NULL THEN 1 WHEN way_1 IS NOT NULL THEN 2
                             WHEN way_2 IS NOT NULL THEN 3 WHEN way_3 IS NOT NULL THEN 4
                             ELSE 5 END] AS borough_found_by,
               timezone('{_ZONE}', created_local) AS created_at,
               timezone('{_ZONE}', closed_local) AS closed_at,
               created_local::DATE AS request_date
        FROM ways
        LEFT JOIN crossed ON crossed_id = source_row_id
        LEFT JOIN by_bit ON by_bit.key = inside::VARCHAR
    ), timed AS (
        SELECT *, CASE WHEN closed_at >= created_at
                       THEN (epoch(closed_at) - epoch(created_at)) / 3600 END AS hours_to_close
        FROM placed
    ), judged AS (
        SELECT * REPLACE (CASE WHEN len(reasons) > 0 THEN payload END AS payload),
               list_filter([{", ".join((*_flags(), *unreadable))}], lambda f: f IS NOT NULL) AS flags
        FROM (SELECT *, list_filter([{", ".join(_reasons(boroughs))}], lambda r: r IS NOT NULL)
                        AS reasons FROM timed)
    )
    SELECT * EXCLUDE (line, named, board, zip, board_borough, board_number, way_0, way_1, way_2,
                      way_3, {", ".join(f"s_{name}" for name in (*times[1:], *numbers))})
    FROM judged
    """


def _reasons(boroughs: str) -> list[str]:
    broken = {
        "unique_key is missing": "unique_key IS NULL",
        "created_date is missing or not a time": "created_local IS NULL",
        "agency is missing": "agency IS NULL",
        "complaint_type is missing": "complaint_type IS NULL",
        "borough is unknown": f"borough NOT IN ({boroughs}, 'UNSPECIFIED')",
        "created_date is not in the day that was asked for": "request_date <> pulled_date",
        "too long": "strlen(payload) > 65536 AND length(payload) > 65536",
    }
    return [f"CASE WHEN {holds} THEN '{name}' END" for name, holds in broken.items()]


def _flags() -> list[str]:
    box = load_boundaries(NEW_YORK)
    is_closed = "lower(trim(status)) = 'closed'"
    odd = {
        "coordinates outside the city": f"NOT (latitude BETWEEN {box.south - 0.01} AND "
        f"{box.north + 0.01} AND longitude BETWEEN {box.west - 0.01} AND {box.east + 0.01})",
        "closed without a closing date": f"{is_closed} AND closed_local IS NULL",
        "closing date but not closed": f"NOT {is_closed} AND closed_local IS NOT NULL",
        "closed before created": "closed_local < created_local",
        "due before created": "due_local < created_local",
        "created after it was pulled": "created_at > ingested_at + INTERVAL 1 DAY",
        "closed after the source''s update": "closed_at > source_updated_at + INTERVAL 1 DAY",
    }
    return [f"CASE WHEN {holds} THEN '{name}' END" for name, holds in odd.items()]


def _gold(connection: duckdb.DuckDBPyConnection, landed: Landed, folder: Path) -> None:
    first, last = landed.days[0], landed.days[-1]
    reach = landed.reach.isoformat()
    open_at = ", ".join(
        f"count(*) FILTER (closed_local IS NULL OR closed_local::DATE > request_date + {age}) "
        f"AS open_{age}"
        for age in range(8)
    )
    backlog = " + ".join(f"coalesce(lag(open_{age}, {age}) OVER series, 0)" for age in range(8))
    lags = ", ".join(f"lag(known, {age}) OVER series AS lag_{age}" for age in (1, 7, 14, 28))
    means = ", ".join(
        f"avg(known) OVER (PARTITION BY complaint_type, borough, agency ORDER BY request_date "
        f"ROWS BETWEEN {days} PRECEDING AND 1 PRECEDING) AS rolling_mean_{days}"
        for days in (7, 28)
    )
    connection.execute(f"""
        COPY (
            WITH counted AS (
                SELECT request_date, complaint_type, borough, agency, count(*) AS requests,
                       count(closed_local) AS closed, median(hours_to_close) AS median_hours,
                       {open_at}
                FROM '{folder}/requests.parquet' GROUP BY ALL
            ), days AS (
                SELECT day::DATE AS request_date, TIMESTAMP '{reach}' >= day + INTERVAL 1 DAY
                       AS is_complete
                FROM range(DATE '{first}', DATE '{last}' + 1, INTERVAL 1 DAY) AS t(day)
            ), filled AS (
                SELECT series.*, days.*, coalesce(requests, 0) AS requests,
                       coalesce(closed, 0) AS closed, median_hours,
                       CASE WHEN is_complete THEN coalesce(requests, 0) END AS known,
                       {", ".join(f"coalesce(open_{age}, 0) AS open_{age}" for age in range(8))}
                FROM (SELECT DISTINCT complaint_type, borough, agency FROM counted) AS series
                CROSS JOIN days
                LEFT JOIN counted USING (request_date, complaint_type, borough, agency)
            ), featured AS (
                SELECT request_date, complaint_type, borough, agency, requests, closed,
                       median_hours, {backlog} AS open_backlog, {lags}, {means},
                       isodow(request_date) AS day_of_week, isodow(request_date) >= 6 AS is_weekend,
                       is_complete,
                       max(CASE WHEN requests > 0 THEN request_date END) OVER (
                           series ROWS UNBOUNDED PRECEDING
                       ) AS last_request
                FROM filled
                WINDOW series AS (
                    PARTITION BY complaint_type, borough, agency ORDER BY request_date
                )
            )
            SELECT * EXCLUDE (last_request) FROM featured
            WHERE request_date - last_request < 90
            ORDER BY request_date, complaint_type, borough, agency
        ) TO '{folder}/counts.parquet' (FORMAT parquet, COMPRESSION snappy)
    """)
