"""Every table of the lakehouse, by layer, and which asset's step writes it."""

from __future__ import annotations

from dataclasses import dataclass

from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.contracts import (
    ALERTS,
    ANOMALIES,
    BATCHES,
    CHECKS,
    CLASSIFICATIONS,
    DAILY_COUNTS,
    DAYS,
    EPISODES,
    FORECASTS,
    MODEL_VERSIONS,
    MODELS,
    ORIGINS,
    RAW_311,
    REJECTS,
    RUNS,
    SERIES,
    SERVING,
    TableContract,
    silver_requests,
    silver_staged,
)

# The orchestrator's own tables: it writes and maintains them by itself, with delta-rs, wherever the
# steps run. They are not restored: an alert that the ledger forgets is sent again.
OPERATIONS = (ALERTS, RUNS, CHECKS)


class UnknownTable(LookupError):
    """There is no table of this name in the lakehouse."""


@dataclass(frozen=True, slots=True)
class Layer:
    """The tables that one asset's step writes.

    Attributes:
        name: bronze, silver, gold, models, forecasts or anomalies.
        asset: The asset.
        contracts: Its tables; the first is the one that the asset stands for.
    """

    name: str
    asset: str
    contracts: tuple[TableContract, ...]

    @property
    def pool(self) -> str:
        """Dagster's pool, which lets one run at a time write these tables."""
        return self.contracts[0].name.replace(".", "_")


def layers(city: City) -> tuple[Layer, ...]:
    """All layers, upstream first; every table is in one of them, or in OPERATIONS."""
    return (
        Layer("bronze", "raw_311", (RAW_311, BATCHES)),
        Layer(
            "silver",
            "silver_requests",
            (silver_requests(city), REJECTS, DAYS, CLASSIFICATIONS, silver_staged(city)),
        ),
        Layer("gold", "gold_daily_counts", (DAILY_COUNTS,)),
        Layer("models", "prophet_model", (MODELS, MODEL_VERSIONS, SERVING, ORIGINS, SERIES)),
        Layer("forecasts", "forecasts", (FORECASTS,)),
        Layer("anomalies", "anomalies", (ANOMALIES, EPISODES)),
    )


def find_layer(city: City, name: str) -> Layer:
    """The layer of that name.

    Raises:
        UnknownTable: There is none.
    """
    for layer in layers(city):
        if layer.name == name:
            return layer
    raise UnknownTable(
        f"There is no layer {name}: choose one of {', '.join(each.name for each in layers(city))}."
    )


def find_table(city: City, name: str) -> tuple[Layer, TableContract]:
    """The table `layer.table`, and the layer it is in.

    Raises:
        UnknownTable: There is none.
    """
    known = {
        contract.name: (layer, contract) for layer in layers(city) for contract in layer.contracts
    }
    if name not in known:
        raise UnknownTable(f"There is no table {name}: choose one of {', '.join(known)}.")
    return known[name]
