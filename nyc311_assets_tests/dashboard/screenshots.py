"""Takes pictures of the pages into docs/images: `make screenshots`, from the home's tables."""

from __future__ import annotations

import argparse
import io
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from nyc311_assets.dashboard.queries.episodes import read_queue
from nyc311_assets.dashboard.queries.freshness import read_freshness
from nyc311_assets.dashboard.queries.lakehouse import Lakehouse
from nyc311_assets.settings import Settings
from nyc311_assets_tests.dashboard.conftest import FLAGS, PAGES, Server, settle

IMAGES = Path(__file__).parents[2] / "docs" / "images"
# The page scrolls inside the window. A window as high as its content shows all of it; what a
# screenshot of the "full page" does to sizes makes the navigation fold.
_CONTENT_HEIGHT = "document.querySelector('[data-testid=stMain]').scrollHeight"
_SETTLING_MS = 1500


def main(arguments: list[str] | None = None) -> int:
    """Take the pictures; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="*", default=list(PAGES), help="Only these pages.")
    pages = parser.parse_args(arguments).pages
    settings = Settings()
    lakehouse = Lakehouse(settings.tables_url)
    if not lakehouse.exists("ml.episodes"):
        sys.stderr.write(f"There are no tables in {settings.tables_url}: run make demo.\n")
        return 1
    queries = {"today": "?state=with+recently+ended", "series": _evidence(lakehouse)}
    shots = [(page, page, 1280, "light") for page in pages]
    if "series" in pages:
        shots.append(("series", "series-dark", 1280, "dark"))
    if "today" in pages:
        shots.append(("today", "today-phone", 390, "light"))
    IMAGES.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium")
    with tempfile.TemporaryDirectory() as logs, sync_playwright() as playwright:
        server = Server(settings.home, Path(logs))
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for page, name, width, scheme in shots:
            tab = browser.new_page(
                viewport={"width": width, "height": 900},
                color_scheme="dark" if scheme == "dark" else "light",
            )
            path = "" if page == "today" else page
            tab.goto(f"{server.url}/{path}{queries.get(page, '')}")
            settle(tab)
            tab.wait_for_timeout(_SETTLING_MS)
            tab.set_viewport_size({"width": width, "height": tab.evaluate(_CONTENT_HEIGHT)})
            tab.wait_for_timeout(_SETTLING_MS)
            _save(tab.screenshot(), IMAGES / f"{name}.png")
            tab.close()
        browser.close()
        server.stop()
    return 0


def _evidence(lakehouse: Lakehouse) -> str:
    """The address of the most severe episode of the newest month, if there is one."""
    newest = read_freshness(lakehouse).newest_complete
    if newest is None:
        return ""
    queue = read_queue(lakehouse, since=newest.replace(day=1))
    worst = max(queue, key=lambda each: each.episode.severity or 0, default=None)
    return f"?episode={worst.episode.id}" if worst else ""


def _save(picture: bytes, path: Path) -> None:
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE).save(
        path, optimize=True
    )


if __name__ == "__main__":
    sys.exit(main())
