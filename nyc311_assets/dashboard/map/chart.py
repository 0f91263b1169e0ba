"""The map, as a Vega-Lite specification: outlines of the package, nothing fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from nyc311_assets.dashboard.queries.places import PlaceDay
from nyc311_assets.dashboard.theme import Palette

Metric = Literal["against usual", "severity", "requests", "per 10,000 residents"]
METRICS: tuple[Metric, ...] = ("against usual", "severity", "requests", "per 10,000 residents")
HEIGHT = 560
# Twice as many as usual is as dark as it gets, and half as many as light.
_LEAST_RATIO, _MOST_RATIO = 0.5, 2.0
# Standard deviations above usual: below it all is as light as it gets.
_MOST_SEVERITY = 4.0


def value_of(place: PlaceDay, metric: Metric) -> float | None:
    """The figure that a metric colours a place by."""
    if metric == "against usual":
        return place.ratio
    if metric == "severity":
        return place.severity
    return float(place.requests) if metric == "requests" else place.per_10_000


def specification(
    shapes: Sequence[Mapping[str, Any]],
    places: Sequence[PlaceDay],
    metric: Metric,
    colours: Palette,
    *,
    title: str,
) -> dict[str, Any]:
    """Every outline in the colour of its figure; one without a figure is left grey.

    Args:
        shapes: GeoJSON features whose `id` is the place.
        places: The places of a day.
        metric: What to colour by.
        colours: The palette of the mode.
        title: What a screen reader is told.
    """
    known = {each.place: each for each in places}
    features = [
        {**shape, "properties": _figures(str(shape["id"]), known.get(str(shape["id"])), metric)}
        for shape in shapes
    ]
    scale: dict[str, Any] = {"range": list(colours.scale)}
    if metric == "against usual":
        scale |= {"type": "log", "domain": [_LEAST_RATIO, _MOST_RATIO], "clamp": True}
    if metric == "severity":
        scale |= {"domain": [0.0, _MOST_SEVERITY], "clamp": True}
    legend: dict[str, Any] = {
        "title": metric,
        "orient": "top",
        "gradientLength": 260,
        "format": ",.0f" if metric == "requests" else ".1f",
    }
    if metric == "against usual":
        legend["values"] = [0.5, 0.7, 1, 1.4, 2]
    outline = {"type": "geoshape", "stroke": colours.background, "strokeWidth": 0.8}
    told: dict[str, Any] = {
        "tooltip": [
            {"field": f"properties.{name}", "type": "nominal", "title": title}
            for name, title in (
                ("place", "place"),
                ("requests", "requests"),
                ("usual", "usual"),
                ("shown", metric),
            )
        ],
        "description": {"field": "properties.told", "type": "nominal"},
    }
    coloured = {
        "field": "properties.value",
        "type": "quantitative",
        "scale": scale,
        "legend": legend,
    }
    return {
        "height": HEIGHT,
        "description": title,
        "projection": {"type": "identity", "reflectY": True},
        "data": {"values": features},
        "layer": [
            {
                "transform": [{"filter": "datum.properties.value === null"}],
                "mark": {**outline, "color": colours.unsure},
                "encoding": told,
            },
            {
                "transform": [{"filter": "datum.properties.value !== null"}],
                "mark": outline,
                "encoding": {**told, "color": coloured},
            },
        ],
        "config": {
            "background": colours.background,
            "font": "Source Sans, sans-serif",
            "view": {"stroke": None},
            "legend": {"labelColor": colours.text, "titleColor": colours.text},
        },
    }


def _figures(name: str, place: PlaceDay | None, metric: Metric) -> dict[str, Any]:
    value = value_of(place, metric) if place else None
    requests = f"{place.requests:,}" if place else "none"
    usual = "unknown" if place is None or place.usual is None else f"{place.usual:,.1f}"
    shown = "unknown" if value is None else f"{value:,.2f}" if metric != "requests" else requests
    told = f"{name.title()}: {requests} requests, usual {usual}"
    return {
        "place": name.title(),
        "value": value,
        "requests": requests,
        "usual": usual,
        "shown": shown,
        "told": told,
    }
