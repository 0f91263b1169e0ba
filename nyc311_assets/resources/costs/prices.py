"""The dated price list."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

HOURS_PER_MONTH = 730.0


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Price(_Entry):
    """One price.

    Attributes:
        usd: US dollars.
        per: For how much of what.
        basis: researched, or remembered: see the list.
        source: Where to check it.
    """

    usd: float = Field(ge=0)
    per: str
    basis: Literal["researched", "remembered"]
    source: str


class Node(_Entry):
    """A type of instance: Databricks units an hour, and its own price an hour."""

    dbu_per_hour: float = Field(gt=0)
    on_demand_usd: float = Field(gt=0)
    spot_usd: float = Field(gt=0)


class PriceList(_Entry):
    """All prices, of one date."""

    date: date
    prices: Mapping[str, Price]
    nodes: Mapping[str, Node]

    def usd(self, name: str) -> float:
        """A price in US dollars.

        Raises:
            KeyError: It is not in the list.
        """
        return self.prices[name].usd


@cache
def price_list() -> PriceList:
    """The list that comes with the package."""
    text = files("nyc311_assets.resources.costs").joinpath("prices.yaml").read_text("utf-8")
    return PriceList.model_validate(yaml.safe_load(text))
