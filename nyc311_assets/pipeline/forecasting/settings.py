"""What a search may choose for a series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from nyc311_assets.pipeline.forecasting.tilt import EXPONENT

Growth = Literal["flat", "linear"]
Mode = Literal["multiplicative", "additive"]


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Prophet's settings and those of the level and season around it.

    Attributes:
        growth: Prophet's trend.
        changepoint_prior_scale: How far a linear trend may bend.
        seasonality_mode: How the weekday enters.
        seasonality_prior_scale: How far the weekday may go.
        alpha: Smoothing weight of the newest day; None for that of the series' volume.
        tilt: Exponent of last year's move.
    """

    growth: Growth = "flat"
    changepoint_prior_scale: float = 0.05
    seasonality_mode: Mode = "multiplicative"
    seasonality_prior_scale: float = 10.0
    alpha: float | None = None
    tilt: float = EXPONENT

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for a table or a registry."""
        return asdict(self)

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> ModelSettings:
        """Read what `to_dict` wrote; a field that an older version lacks has its default.

        Raises:
            TypeError: There is a field that this version does not know.
        """
        return ModelSettings(**values)


DEFAULT = ModelSettings()
