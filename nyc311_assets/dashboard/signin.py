"""Who looks: Streamlit's OpenID Connect when it is configured, else the person at this machine."""

from __future__ import annotations

import getpass
import tomllib
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from nyc311_assets.dashboard import reading

_REQUIRED = ("redirect_uri", "cookie_secret")


class SignInUnusable(RuntimeError):
    """Sign-in is asked for and not complete."""


def is_configured(secrets: Path) -> bool:
    """Whether a secrets.toml has an `[auth]` section.

    Raises:
        SignInUnusable: The section is there and lacks what every provider needs, or the file
            cannot be read.
    """
    if not secrets.is_file():
        return False
    try:
        section = tomllib.loads(secrets.read_text("utf-8")).get("auth")
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SignInUnusable(f"{secrets} cannot be read: {error}") from error
    if section is None:
        return False
    if missing := [key for key in _REQUIRED if not section.get(key)]:
        raise SignInUnusable(f"[auth] in {secrets} lacks {' and '.join(missing)}.")
    return True


def is_allowed(email: str, allowed: Sequence[str]) -> bool:
    """Whether an address is one of those allowed, or of a domain (`@example.org`) that is."""
    address = email.strip().lower()
    return any(
        address.endswith(each) if each.startswith("@") else address == each
        for each in (entry.lower() for entry in allowed)
    )


def demand() -> None:
    """Let only people on whom the settings let in, when sign-in is configured."""
    if not is_configured(reading.settings().dashboard_secrets):
        return
    if not st.user.is_logged_in:
        st.title("NYC 311")
        st.button("Sign in", on_click=st.login, type="primary")
        st.stop()
    email = str(st.user.get("email") or "")
    is_verified = st.user.get("email_verified") is not False
    if not is_verified or not is_allowed(email, reading.settings().dashboard_people):
        st.error(
            f"{email or 'This account'} may not see this dashboard. "
            "NYC311_DASHBOARD_ALLOWED names who may."
        )
        st.button("Sign out", on_click=st.logout)
        st.stop()


def name() -> str:
    """Who acts: the signed-in address, else the user of this machine."""
    if is_configured(reading.settings().dashboard_secrets):
        return str(st.user.get("email") or "")
    return getpass.getuser()
