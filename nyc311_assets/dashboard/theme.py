"""Colours and sizes, light and dark; safe for colour-blind eyes, and never the only mark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Mode = Literal["light", "dark"]


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours by what they mean, as #RRGGBB."""

    background: str
    secondary: str
    text: str
    border: str
    primary: str
    actual: str
    median: str
    above: str
    below: str
    confirmed: str
    watch: str
    ok: str
    unsure: str
    scale: tuple[str, ...]


_SCALE = ("#E9EEF3", "#BFD3E6", "#8CA9D0", "#4F74B3", "#173F7A")

LIGHT = Palette(
    background="#FFFFFF",
    secondary="#F3F6F9",
    text="#0B1520",
    border="#7B8794",
    primary="#0B5CAD",
    actual="#1B2733",
    median="#0072B2",
    above="#B8420A",
    below="#6B3FA0",
    confirmed="#A3152A",
    watch="#8A5A00",
    ok="#00674F",
    unsure="#7B8794",
    scale=_SCALE,
)
DARK = Palette(
    background="#0F1720",
    secondary="#1A2632",
    text="#F1F5F9",
    border="#7A8B9C",
    primary="#7CC0FF",
    actual="#E8EEF4",
    median="#56B4E9",
    above="#FF9E5E",
    below="#C9A6F5",
    confirmed="#FF8A93",
    watch="#F2C14E",
    ok="#4FD1A5",
    unsure="#7A8B9C",
    scale=_SCALE,
)
# Opacity of the bands.
BAND_80, BAND_95 = 0.30, 0.15

# What is never told by colour alone.
MARKS: Mapping[str, str] = {
    "confirmed": "■ CONFIRMED",
    "watch": "◆ WATCH",
    "ok": "✓",
    "failed": "✗",
    "above": "▲",
    "below": "▼",
}


def palette(mode: Mode) -> Palette:
    """The colours of a mode."""
    return DARK if mode == "dark" else LIGHT


def options() -> dict[str, object]:
    """Streamlit's options for the look, by their names in its configuration."""
    look: dict[str, object] = {
        "theme.baseFontSize": 15,
        "theme.baseRadius": "6px",
        "theme.showWidgetBorder": True,
        "theme.headingFontSizes": ["1.75rem", "1.25rem", "1.05rem"],
        "client.toolbarMode": "viewer",
    }
    for mode, colours in (("light", LIGHT), ("dark", DARK)):
        look |= {
            f"theme.{mode}.primaryColor": colours.primary,
            f"theme.{mode}.backgroundColor": colours.background,
            f"theme.{mode}.secondaryBackgroundColor": colours.secondary,
            f"theme.{mode}.textColor": colours.text,
            f"theme.{mode}.borderColor": colours.border,
            f"theme.{mode}.linkColor": colours.primary,
        }
    return look
