"""`nyc311 tables --docs`: every table column by column, as a page of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nyc311_assets.pipeline.catalog import OPERATIONS, layers
from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.contracts import Column, TableContract
from nyc311_assets.pipeline.contracts.silver import typed_rows

_INTRODUCTION = """\
# Tables

Written by `nyc311 tables --docs` from the contracts in `nyc311_assets/pipeline/contracts/`, from \
which the tables are created, too: change it there. How each table is written is in \
[architecture.md](architecture.md#tables-and-their-writes).

Times of the type `TIMESTAMP` are instants, in UTC; `TIMESTAMP_NTZ` is wall time of the city."""
_HEADINGS = ("column", "type", "may be null", "meaning")
_ORCHESTRATOR = "Dagster itself, with delta-rs"
_RULES = """\
## The rules of a request

A row that breaks a *rejected* rule goes to `silver.rejects`, with the rule as a reason. One that \
breaks a *flagged* rule is kept, and `flags` names it; beside these, every time and number that \
came and could not be read is flagged. *Ruled out* is what no row can break once it is typed. A \
condition that is null breaks nothing. `nyc311_assets/pipeline/models.py` makes pandera's models \
of the same rules."""
_RULE_HEADINGS = ("rule", "about", "a row that breaks it is", "condition that breaks it")


def table_docs(city: City) -> str:
    """The page on all tables of a city's lakehouse: Markdown, with a newline at its end."""
    parts = [_INTRODUCTION]
    for layer in layers(city):
        parts += [_of_table(contract, f"the asset `{layer.asset}`") for contract in layer.contracts]
    parts += [_of_table(contract, _ORCHESTRATOR) for contract in OPERATIONS]
    parts.append(f"{_RULES}\n\n{_of_rules(typed_rows(city))}")
    return "\n\n".join(parts) + "\n"


def _of_table(contract: TableContract, writer: str) -> str:
    return "\n\n".join(
        (
            f"## {contract.name}",
            contract.description,
            "\n".join(f"- {fact}" for fact in _facts(contract, writer)),
            _page(_HEADINGS, (_cells(column) for column in contract.columns)),
        )
    )


def _of_rules(contract: TableContract) -> str:
    return _page(
        _RULE_HEADINGS,
        (
            (rule.name, f"`{column.name}`", rule.consequence, f"`{rule.broken}`")
            for column in contract.columns
            for rule in column.rules
        ),
    )


def _facts(contract: TableContract, writer: str) -> Iterator[str]:
    yield f"**Written by** {writer}"
    yield f"**Key:** {_names(contract.key)}"
    if contract.partitioned_by:
        yield f"**Partitioned by** {_names(contract.partitioned_by)}"
    if contract.clustered_by:
        yield f"**Clustered by** {_names(contract.clustered_by)}"
    for key, value in contract.properties.items():
        yield f"`{key}` = `{value}`"


def _names(columns: tuple[str, ...]) -> str:
    return ", ".join(f"`{column}`" for column in columns)


def _cells(column: Column) -> tuple[str, ...]:
    return (
        f"`{column.name}`",
        f"`{column.type}`",
        "yes" if column.nullable else "no",
        column.description,
    )


def _page(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return "\n".join((_line(headings), "|---" * len(headings) + "|", *map(_line, rows)))


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"
