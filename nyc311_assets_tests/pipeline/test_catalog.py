from __future__ import annotations

import inspect

import pytest

from nyc311_assets.definitions import build_definitions
from nyc311_assets.pipeline import contracts
from nyc311_assets.pipeline.catalog import OPERATIONS, UnknownTable, find_layer, find_table, layers
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.contracts import TableContract
from nyc311_assets.settings import Settings


def every_contract() -> set[str]:
    """Names of all tables that have a contract, constant or made for a city."""
    names = set()
    for value in vars(contracts).values():
        if isinstance(value, TableContract):
            names.add(value.name)
        elif inspect.isfunction(value) and value.__annotations__.get("return") == "TableContract":
            names.add(value(NEW_YORK).name)
    return names


def test_every_table_with_a_contract_is_in_a_layer_or_the_orchestrator_s() -> None:
    listed = [contract.name for layer in layers(NEW_YORK) for contract in layer.contracts]
    operations = [contract.name for contract in OPERATIONS]
    assert sorted([*listed, *operations]) == sorted(every_contract())


def test_a_layer_has_the_pool_of_the_asset_that_writes_it() -> None:
    graph = build_definitions(Settings(), in_production=False).resolve_asset_graph()
    pools = {key.to_user_string(): graph.get(key).pools for key in graph.get_all_asset_keys()}
    for layer in layers(NEW_YORK):
        assert pools[layer.asset] == {layer.pool}


def test_a_table_is_found_with_its_layer() -> None:
    layer, contract = find_table(NEW_YORK, "silver.rejects")
    assert (layer.asset, contract.name) == ("silver_requests", "silver.rejects")
    assert find_layer(NEW_YORK, "gold").asset == "gold_daily_counts"


def test_an_unknown_name_is_answered_with_the_choices() -> None:
    with pytest.raises(UnknownTable, match=r"no table silver: choose one of bronze.raw_311, "):
        find_table(NEW_YORK, "silver")
    with pytest.raises(UnknownTable, match=r"no layer ml: choose one of bronze, silver, gold"):
        find_layer(NEW_YORK, "ml")
