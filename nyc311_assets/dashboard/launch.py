"""Starts the server: where it may be reached from, how it looks, and warm from the first visit."""

from __future__ import annotations

import importlib
import threading
from pathlib import Path

from nyc311_assets.dashboard import reading
from nyc311_assets.dashboard.queries.lakehouse import TableMissing, TableUnreadable
from nyc311_assets.dashboard.theme import options
from nyc311_assets.settings import Settings

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
APP = Path(__file__).with_name("app.py")


class NotProtected(RuntimeError):
    """The dashboard would be open to others without anybody having to sign in."""


def check_address(settings: Settings, *, signs_in: bool) -> None:
    """Refuse an address that others can reach while nobody has to sign in.

    Args:
        settings: The project's.
        signs_in: Whether OpenID Connect is configured.

    Raises:
        NotProtected: It is such an address.
    """
    if settings.dashboard_address in LOOPBACK:
        return
    if not signs_in:
        raise NotProtected(
            f"Bound to {settings.dashboard_address} the dashboard would be open to everybody. Put "
            f"an [auth] section into {settings.dashboard_secrets}, or leave it on 127.0.0.1."
        )
    if not settings.dashboard_people:
        raise NotProtected(
            "Signing in authorises nobody by itself: set NYC311_DASHBOARD_ALLOWED to addresses "
            "and domains (ann@example.org,@city.example.org)."
        )


def serve(settings: Settings) -> None:
    """Run the server until it is stopped.

    Raises:
        NotProtected: See `check_address`.
        SignInUnusable: Sign-in is configured and not complete.
    """
    from streamlit.web import bootstrap  # noqa: PLC0415 # a second of imports

    from nyc311_assets.dashboard import signin  # noqa: PLC0415 # imports Streamlit

    check_address(settings, signs_in=signin.is_configured(settings.dashboard_secrets))
    flags = {
        "server.address": settings.dashboard_address,
        "server.port": settings.dashboard_port,
        "server.headless": True,
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": False,
        "secrets.files": [str(settings.dashboard_secrets.absolute())],
        **options(),
    }
    flags = {name.replace(".", "_"): value for name, value in flags.items()}
    threading.Thread(target=warm, name="warm", daemon=True).start()
    bootstrap.load_config_options(flags)
    bootstrap.run(str(APP), False, [], flags)


def warm() -> None:
    """Import what the pages import, and ask the first query: the first one of all costs most."""
    for module in ("pandas", "nyc311_assets.dashboard.today.view"):
        importlib.import_module(module)
    try:
        reading.reader().query(
            "SELECT max(request_date) FROM counts", {"counts": "gold.daily_counts"}
        )
    except (TableMissing, TableUnreadable):
        return  # the pages say so
