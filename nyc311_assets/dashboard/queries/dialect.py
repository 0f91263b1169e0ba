"""The queries in Databricks' SQL: they are written in DataFusion's, which is close to PostgreSQL's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import sqlglot
from sqlglot import exp

from nyc311_assets.dashboard.queries.literals import NAMED
from nyc311_assets.dashboard.queries.source import Parameter, Value


def in_databricks_sql(
    sql: str, tables: Mapping[str, tuple[str, int]], parameters: Mapping[str, Parameter]
) -> tuple[str, dict[str, Value]]:
    """Translate a query.

    Args:
        sql: A statement of DataFusion's; it names tables by alias, and values by `:name`.
        tables: Alias -> `catalog.layer.table` and the version to read.
        parameters: Name -> value; a sequence stands for a list after IN.

    Returns:
        The statement, and the values of its `:name`s: one each, those of a list numbered.

    Raises:
        KeyError: A name has no value.
    """
    values: dict[str, Value] = {}

    def spread(name: str) -> str:
        value = parameters[name]
        if not isinstance(value, Sequence) or isinstance(value, str):
            values[name] = value
            return f":{name}"
        numbered = {f"{name}_{place}": each for place, each in enumerate(value)}
        values.update(numbered)
        return f"({', '.join(f':{each}' for each in numbered)})" if numbered else "(NULL)"

    spreaded = NAMED.sub(lambda place: spread(place.group(1)), sql)
    return _translated(spreaded, tuple(sorted(tables.items()))), values


@lru_cache(maxsize=256)
def _translated(sql: str, tables: tuple[tuple[str, tuple[str, int]], ...]) -> str:
    places = dict(tables)
    tree = sqlglot.parse_one(sql, read="postgres")
    for found in list(tree.find_all(exp.Table)):
        if found.name in places and not found.db:
            found.replace(_at_version(*places[found.name], found.alias or found.name))
    return tree.sql("databricks")


def _at_version(name: str, version: int, alias: str) -> exp.Table:
    table = exp.to_table(name, dialect="databricks")
    for part in ("this", "db", "catalog"):
        if isinstance(identifier := table.args.get(part), exp.Identifier):
            identifier.set("quoted", True)
    table.set(
        "version",
        exp.Version(this="VERSION", kind="AS OF", expression=exp.Literal.number(version)),
    )
    table.set("alias", exp.TableAlias(this=exp.to_identifier(alias)))
    return table
