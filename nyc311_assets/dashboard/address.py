"""A page's state in its address: links that carry it, and the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, urlencode

import streamlit as st

PAGES: Mapping[str, str] = {
    name: f"scripts/{name}.py"
    for name in ("today", "series", "map", "forecast", "quality", "operations")
}
BACK = "back"


def choice(
    label: str, options: Sequence[str], *, key: str, index: int | None = 0, **more: object
) -> str | None:
    """A choice whose value is in the address under `key`."""
    return st.selectbox(  # type: ignore[call-overload,no-any-return] # options of any widget
        label, options, key=key, index=index, bind="query-params", **more
    )


def link(page: str, label: str, parameters: Mapping[str, str] | None = None) -> None:
    """A link to a page with its state; `page` is one of `PAGES`."""
    st.page_link(PAGES[page], label=label, query_params=dict(parameters or {}))


def url(page: str, parameters: Mapping[str, str] | None = None) -> str:
    """The same as an address, for a link in a text."""
    path = "/" if page == "today" else f"/{page}"
    return f"{path}?{urlencode(parameters)}" if parameters else path


def packed(names: Sequence[str]) -> str:
    """What of this page's state a link takes along, for `unpacked` on the way back."""
    return urlencode({name: st.query_params[name] for name in names if name in st.query_params})


def unpacked(state: str) -> dict[str, str]:
    """The state that `packed` made."""
    return dict(parse_qsl(state))


def reset(firsts: Mapping[str, object]) -> None:
    """Take choices back to their first value; for a button's `on_click`.

    Removing their state would not do: they would come back from the address.
    """
    for name, first in firsts.items():
        st.session_state[name] = first
