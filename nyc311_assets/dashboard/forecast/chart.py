"""What is expected beside what was usual, as a Vega-Lite specification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nyc311_assets.dashboard.queries.outlook import Expected
from nyc311_assets.dashboard.theme import Palette

MOST_BARS = 15
_ROW_PIXELS, _AXIS_PIXELS = 26, 60


def specification(expected: Sequence[Expected], colours: Palette, *, title: str) -> dict[str, Any]:
    """A bar of each of the largest, its 80 % band, and a tick where the last four weeks were.

    Args:
        expected: What is expected, the largest first.
        colours: The palette of the mode.
        title: What a screen reader is told.
    """
    shown = expected[:MOST_BARS]
    values = [
        {
            "label": each.label,
            "expected": each.expected,
            "lo80": each.lo80,
            "hi80": each.hi80,
            "usual": each.usual,
            "change": "no counts before" if each.change is None else f"{each.change:+.1%}",
        }
        for each in shown
    ]
    y = {
        "field": "label",
        "type": "nominal",
        "sort": [each.label for each in shown],
        "title": None,
        "axis": {"labelLimit": 220},
    }
    whole = {"type": "quantitative", "format": ",.0f"}
    tooltip = [
        {"field": "label", "type": "nominal", "title": " "},
        {"field": "expected", "title": "expected", **whole},
        {"field": "lo80", "title": "80 % from", **whole},
        {"field": "hi80", "title": "to", **whole},
        {"field": "usual", "title": "four-week average", **whole},
        {"field": "change", "type": "nominal", "title": "change"},
    ]
    return {
        "height": _ROW_PIXELS * len(shown) + _AXIS_PIXELS,
        "description": title,
        "data": {"values": values},
        "layer": [
            {
                "mark": {"type": "bar", "color": colours.median, "height": {"band": 0.6}},
                "encoding": {
                    "x": {"field": "expected", "type": "quantitative", "title": "requests"},
                    "y": y,
                    "tooltip": tooltip,
                },
            },
            {
                "mark": {"type": "rule", "color": colours.text, "strokeWidth": 1.5},
                "encoding": {
                    "x": {"field": "lo80", "type": "quantitative"},
                    "x2": {"field": "hi80"},
                    "y": y,
                },
            },
            {
                "transform": [{"filter": "datum.usual !== null"}],
                "mark": {"type": "tick", "color": colours.above, "thickness": 3},
                "encoding": {"x": {"field": "usual", "type": "quantitative"}, "y": y},
            },
        ],
        "config": {
            "background": colours.background,
            "font": "Source Sans, sans-serif",
            "axis": {"labelColor": colours.text, "titleColor": colours.text, "gridOpacity": 0.25},
        },
    }
