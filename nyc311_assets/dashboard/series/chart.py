"""The chart of a series, as a Vega-Lite specification."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pyarrow as pa

from nyc311_assets.dashboard.queries.series import SeriesDay
from nyc311_assets.dashboard.theme import BAND_80, BAND_95, Palette

HEIGHT = 380
_NONE = "none"


def chart_rows(days: Sequence[SeriesDay]) -> pa.Table:
    """The days as the chart's data: texts for what the tooltip says."""
    rows = [
        {
            "ds": each.ds.isoformat(),
            "actual": each.actual,
            "yhat": each.yhat,
            "lo80": each.lo80,
            "hi80": each.hi80,
            "lo95": each.lo95,
            "hi95": each.hi95,
            "range80": _range(each.lo80, each.hi80),
            "range95": _range(each.lo95, each.hi95),
            "issued": each.as_of.isoformat() if each.as_of else _NONE,
            "model": f"{each.model} {each.model_version or ''}".strip() if each.model else _NONE,
            "settled": settled(each),
            "holiday": each.holiday,
            "mark": _mark(each),
        }
        for each in days
    ]
    return pa.Table.from_pylist(rows)


def settled(day: SeriesDay) -> str:
    """Whether a day's count may still change."""
    if day.actual is None:
        return "to come" if day.is_complete is None else "no data"
    if not day.is_complete:
        return "incomplete"
    return "final" if day.is_final else "provisional"


def specification(
    days: Sequence[SeriesDay], colours: Palette, *, issued: date | None
) -> dict[str, Any]:
    """The chart: bands, median, counts, flagged days, incomplete days, holidays.

    Args:
        days: The days, oldest first.
        colours: The palette of the mode.
        issued: Where the rule of an earlier forecast stands; None for the newest one.
    """
    x = {
        "field": "ds",
        "type": "temporal",
        "title": None,
        "axis": {"format": "%-d %b", "tickCount": 8},
    }
    layers: list[dict[str, Any]] = [
        _area("lo95", "hi95", colours.median, BAND_95, x),
        _area("lo80", "hi80", colours.median, BAND_80, x),
        *_hatched(x, colours),
        _rule("datum.holiday !== null", colours.unsure, [1, 3], x),
        _text("datum.holiday !== null", "holiday", colours.text, x),
        _line("yhat", colours.median, "datum.settled !== 'to come'", x),
        _line("yhat", colours.median, "datum.settled === 'to come'", x, dash=(5, 4)),
        _line("actual", colours.actual, "datum.settled !== 'incomplete'", x),
        *(
            _points(state, colour, filled=filled, x=x)
            for state, colour, filled in (
                ("final", colours.actual, True),
                ("provisional", colours.actual, False),
                ("incomplete", colours.unsure, False),
            )
            # A layer without a mark is an image without a text to a screen reader.
            if any(settled(each) == state and each.actual is not None for each in days)
        ),
        *(
            _marks(side, shape, colour, x)
            for side, shape, colour in (
                ("above", "triangle-up", colours.above),
                ("below", "triangle-down", colours.below),
            )
            if any(_mark(each) == side and each.actual is not None for each in days)
        ),
    ]
    if issued is not None:
        layers.append(
            {
                "data": {"values": [{"ds": issued.isoformat(), "text": f"issued {issued}"}]},
                "layer": [
                    {"mark": {"type": "rule", "color": colours.primary, "strokeWidth": 2}},
                    {
                        "mark": {
                            "type": "text", "align": "left", "dx": 4, "baseline": "top",
                            "color": colours.primary,
                        },
                        "encoding": {"text": {"field": "text"}, "y": {"value": 2}},
                    },
                ],
                "encoding": {"x": x},
            }
        )  # fmt: skip
    return {
        "height": HEIGHT,
        "description": "Requests a day of the series named above, with what was expected",
        "layer": layers,
        "config": {
            "background": colours.background,
            "font": "Source Sans, sans-serif",
            "axis": {"labelColor": colours.text, "titleColor": colours.text, "gridOpacity": 0.25},
        },
    }


def _tooltip() -> list[dict[str, Any]]:
    whole = {"type": "quantitative", "format": ",.0f"}
    return [
        {"field": "ds", "type": "temporal", "title": "day", "format": "%a %-d %b %Y"},
        {"field": "actual", "title": "requests", **whole},
        {"field": "yhat", "title": "expected", **whole},
        {"field": "range80", "title": "80 % of days", "type": "nominal"},
        {"field": "range95", "title": "95 % of days", "type": "nominal"},
        {"field": "issued", "title": "forecast issued", "type": "nominal"},
        {"field": "model", "title": "model", "type": "nominal"},
        {"field": "settled", "title": "count is", "type": "nominal"},
    ]


def _y(field: str) -> dict[str, Any]:
    return {"field": field, "type": "quantitative", "title": "requests a day"}


def _area(low: str, high: str, colour: str, opacity: float, x: dict[str, Any]) -> dict[str, Any]:
    return {
        "transform": [{"filter": f"datum.{low} !== null"}],
        "mark": {"type": "area", "color": colour, "opacity": opacity},
        "encoding": {"x": x, "y": _y(low), "y2": {"field": high}},
    }


def _line(
    field: str, colour: str, wanted: str, x: dict[str, Any], *, dash: Sequence[int] = (1, 0)
) -> dict[str, Any]:
    return {
        "transform": [{"filter": f"datum.{field} !== null && {wanted}"}],
        "mark": {"type": "line", "color": colour, "strokeWidth": 1.5, "strokeDash": list(dash)},
        "encoding": {"x": x, "y": _y(field)},
    }


def _points(state: str, colour: str, *, filled: bool, x: dict[str, Any]) -> dict[str, Any]:
    return {
        "transform": [{"filter": f"datum.actual !== null && datum.settled === '{state}'"}],
        "mark": {"type": "point", "filled": filled, "color": colour, "size": 22, "opacity": 1},
        "encoding": {"x": x, "y": _y("actual"), "tooltip": _tooltip()},
    }


def _marks(side: str, shape: str, colour: str, x: dict[str, Any]) -> dict[str, Any]:
    return {
        "transform": [{"filter": f"datum.mark === '{side}'"}],
        "mark": {"type": "point", "shape": shape, "filled": True, "color": colour, "size": 95, "opacity": 1},
        "encoding": {"x": x, "y": _y("actual"), "tooltip": _tooltip()},
    }  # fmt: skip


def _hatched(x: dict[str, Any], colours: Palette) -> list[dict[str, Any]]:
    """A tall hatch of dashes behind each incomplete day, and the word."""
    wanted = [{"filter": "datum.settled === 'incomplete'"}]
    return [
        {
            "transform": wanted,
            "mark": {"type": "rule", "color": colours.unsure, "strokeWidth": 9, "strokeDash": [2, 3], "opacity": 0.5},
            "encoding": {"x": x},
        },
        {
            "transform": wanted,
            # To the right of the day: the names of holidays are to the left.
            "mark": {"type": "text", "angle": 270, "align": "right", "baseline": "top", "dy": 7, "color": colours.text},
            "encoding": {"x": x, "y": {"value": 4}, "text": {"value": "incomplete"}},
        },
    ]  # fmt: skip


def _rule(wanted: str, colour: str, dash: list[int], x: dict[str, Any]) -> dict[str, Any]:
    return {
        "transform": [{"filter": wanted}],
        "mark": {"type": "rule", "color": colour, "strokeDash": dash},
        "encoding": {"x": x},
    }


def _text(wanted: str, field: str, colour: str, x: dict[str, Any]) -> dict[str, Any]:
    return {
        "transform": [{"filter": wanted}],
        "mark": {"type": "text", "angle": 270, "align": "right", "baseline": "bottom", "dy": -3, "fontSize": 10, "color": colour},
        "encoding": {"x": x, "y": {"value": 4}, "text": {"field": field}},
    }  # fmt: skip


def _mark(day: SeriesDay) -> str | None:
    if not day.side:
        return None
    return "above" if day.side > 0 else "below"


def _range(low: float | None, high: float | None) -> str:
    return _NONE if low is None or high is None else f"{low:,.0f} to {high:,.0f}"
