"""The dashboard on three years of 1,200 series, in a real browser."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from playwright.sync_api import Browser, Page, expect, sync_playwright

from nyc311_assets_tests.bench.memory import resident
from nyc311_assets_tests.bench.wide_lakehouse import make_wide
from nyc311_assets_tests.dashboard.conftest import FLAGS, PAGES, Server, settle

T = TypeVar("T")


@dataclass
class Found:
    """What was measured, in seconds.

    Attributes:
        cold: Today in a browser that has been nowhere.
        reload: Today again.
        filter: The queue by another tier.
        series: Another series.
        pages: Each page in a browser that has been nowhere.
        bytes: Resident memory of the server after all of it.
    """

    cold: list[float] = field(default_factory=list)
    reload: list[float] = field(default_factory=list)
    filter: list[float] = field(default_factory=list)
    series: list[float] = field(default_factory=list)
    pages: dict[str, float] = field(default_factory=dict)
    bytes: int = 0


def measure_dashboard(rounds: int, folder: Path, tell: Callable[[str], None]) -> Found:
    """Serve the made-up tables and visit them, after one visit that is not counted.

    Raises:
        RuntimeError: There is no Chromium.
    """
    chromium = shutil.which("chromium")
    if chromium is None:
        raise RuntimeError("Chromium is not installed: apt-get install chromium")
    tell("three years of 1,200 series …")
    home = make_wide(folder / "home")
    found = Found()
    with sync_playwright() as playwright:
        server = Server(home, folder)
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        try:
            # The server's imports and first queries.
            _visit(browser, server.url).context.close()
            for number in range(rounds):
                tell(f"visit {number + 1} …")
                _today(browser, server.url, found)
                _series(browser, server.url, found, number)
            for page in PAGES:
                address = f"{server.url}/{'' if page == 'today' else page}"
                shown, found.pages[page] = _timed(lambda url=address: _visit(browser, url))  # type: ignore[misc] # a lambda per page
                shown.context.close()
            found.bytes = resident(server.pid)
        finally:
            browser.close()
            server.stop()
    return found


def _visit(browser: Browser, url: str) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(url)
    settle(page)
    return page


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    started = time.perf_counter()
    return work(), time.perf_counter() - started


def _today(browser: Browser, url: str, found: Found) -> None:
    page, seconds = _timed(lambda: _visit(browser, url))
    found.cold.append(seconds)

    def again() -> None:
        page.reload()
        settle(page)

    found.reload.append(_timed(again)[1])
    page.get_by_role("combobox", name="Tier").click()
    choice = page.get_by_role("option", name="watch")
    before = page.get_by_text("Showing ").inner_text()

    def choose() -> None:
        choice.click()
        expect(page.get_by_text("Showing ")).not_to_have_text(before)
        settle(page)

    found.filter.append(_timed(choose)[1])
    page.context.close()


def _series(browser: Browser, url: str, found: Found, number: int) -> None:
    """Another one each time: a series that was looked at before is remembered."""
    page = _visit(browser, f"{url}/series?level=type")
    box = page.get_by_role("combobox", name="Series")
    box.click()
    choice = page.get_by_role("option").nth(2 + number)
    wanted = choice.inner_text().removeprefix("type: ")

    def choose() -> None:
        choice.click()
        expect(page.get_by_text(f"{wanted}, whole city")).to_be_visible()
        settle(page)

    found.series.append(_timed(choose)[1])
    page.context.close()
