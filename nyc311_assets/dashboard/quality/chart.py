"""The reliability plot: nominal against achieved coverage, as a Vega-Lite specification."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nyc311_assets.dashboard.queries.accuracy import ALL_TIERS, Accuracy
from nyc311_assets.dashboard.theme import Palette

HEIGHT = 320
NOMINAL = (0.8, 0.95)


def specification(scores: Sequence[Accuracy], colours: Palette) -> dict[str, Any]:
    """A line of each volume tier through its achieved coverage; on the diagonal is right.

    Args:
        scores: Of one group of horizons.
        colours: The palette of the mode.
    """
    values = [
        {
            "tier": "all series" if each.tier == ALL_TIERS else f"{each.tier} a day",
            "nominal": nominal,
            "achieved": achieved,
            "series": each.series,
        }
        for each in scores
        for nominal, achieved in zip(NOMINAL, (each.coverage80, each.coverage95), strict=True)
    ]
    lowest = min([0.7, *(min(each.coverage80, each.coverage95) for each in scores)])
    least = max(0.0, math.floor(lowest * 20 - 1) / 20)
    axis = {"format": ".0%", "tickCount": 6}
    x = {
        "field": "nominal",
        "type": "quantitative",
        "title": "the band should hold",
        "scale": {"domain": [least, 1]},
        "axis": axis,
    }
    y = {
        "field": "achieved",
        "type": "quantitative",
        "title": "days within it",
        "scale": {"domain": [least, 1]},
        "axis": axis,
    }
    right = [{"nominal": each, "achieved": each} for each in (least, 1.0)]
    by_tier = {
        "color": {
            "field": "tier",
            "type": "nominal",
            "title": "requests",
            "sort": None,
            "scale": {
                "range": [
                    colours.median,
                    colours.above,
                    colours.below,
                    colours.ok,
                    colours.watch,
                    colours.text,
                ]
            },
        },
        "shape": {"field": "tier", "type": "nominal", "title": "requests", "sort": None},
    }
    tooltip = [
        {"field": "tier", "type": "nominal", "title": "requests"},
        {"field": "nominal", "type": "quantitative", "format": ".0%", "title": "should hold"},
        {"field": "achieved", "type": "quantitative", "format": ".1%", "title": "holds"},
        {"field": "series", "type": "quantitative", "format": ",", "title": "series"},
    ]
    return {
        "height": HEIGHT,
        "description": "Reliability: share of days within the 80 and 95 % bands, by volume tier.",
        "layer": [
            {
                "data": {"values": right},
                "mark": {"type": "line", "color": colours.unsure, "strokeDash": [5, 4]},
                "encoding": {"x": x, "y": y},
            },
            {
                "data": {"values": values},
                "mark": {"type": "point", "size": 90, "filled": True, "opacity": 1},
                "encoding": {"x": x, "y": y, "tooltip": tooltip, **by_tier},
            },
        ],
        "config": {
            "background": colours.background,
            "font": "Source Sans, sans-serif",
            "axis": {"labelColor": colours.text, "titleColor": colours.text, "gridOpacity": 0.25},
            "legend": {"labelColor": colours.text, "titleColor": colours.text},
        },
    }
