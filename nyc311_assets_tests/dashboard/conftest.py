"""Small lakehouses, a real server over them, and a real browser that fails on any trouble."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Error, Page, sync_playwright

from nyc311_assets_tests.dashboard import lakehouses
from nyc311_assets_tests.infrastructure.servers import free_port

PAGES = ("today", "series", "map", "forecast", "quality", "operations")
Open = Callable[..., Page]
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="session")
def small_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small lakehouse, which no test writes to."""
    return lakehouses.make(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def wide_home(small_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small lakehouse with boroughs, agencies and community boards, which no test writes to."""
    home = tmp_path_factory.mktemp("wide") / "home"
    return lakehouses.widen(shutil.copytree(small_home, home))


@pytest.fixture
def own_home(small_home: Path, tmp_path: Path) -> Path:
    """A copy of it for a test that writes."""
    return shutil.copytree(small_home, tmp_path / "home")


# Playwright's event loop runs as long as it is there: no other file's asyncio.run would work.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, which the test set-up installs."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


class Server:
    """`nyc311 dashboard` over one home."""

    def __init__(self, home: Path, logs: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        nyc311 = str(Path(sys.executable).parent / "nyc311")
        command = [nyc311, "dashboard", "--port", str(port)]
        self._log = (logs / "dashboard.log").open("w")
        self._process = subprocess.Popen(
            command, env={**os.environ, "NYC311_HOME": str(home)}, cwd=logs,
            stdout=self._log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.pid = self._process.pid
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/_stcore/health").status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        self.stop()
        raise RuntimeError((logs / "dashboard.log").read_text("utf-8"))

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(timeout=20)
        self._log.close()


@pytest.fixture(scope="module")
def server(wide_home: Path) -> Iterator[Server]:
    """A server over the wide lakehouse."""
    server = Server(wide_home, wide_home)
    yield server
    server.stop()


@pytest.fixture
def serve() -> Iterator[Callable[[Path], Server]]:
    """Starts servers over homes of a test's own."""
    started: list[Server] = []

    def start(home: Path) -> Server:
        started.append(Server(home, home))
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Open]:
    """Opens an address, waits until the page is complete, and fails on any trouble at the end."""
    troubles: list[str] = []
    contexts = []

    def go(url: str, *, width: int = 1280, scheme: str = "light") -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900 if width > 400 else 844},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(f"page error: {error}"))
        page.on(
            "console",
            lambda message: (
                troubles.append(f"console: {message.text} {message.location}")
                if message.type == "error" and not _is_harmless(message.location["url"])
                else None
            ),
        )
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:"))
                else troubles.append(f"request to {request.url}")
            ),
        )
        page.goto(url)
        settle(page)
        return page

    yield go
    for context in contexts:
        for page in context.pages:
            shown = page.query_selector_all("[data-testid=stException]")
            troubles += [f"exception: {each.inner_text()}" for each in shown]
        context.close()
    assert not troubles


def _is_harmless(url: str) -> bool:
    """A deep link makes Streamlit look for its own end points below the page's path first."""
    return url.endswith(("/_stcore/health", "/_stcore/host-config"))


def settle(page: Page) -> None:
    """Wait until the script has run to the end of the page."""
    page.wait_for_selector('[class*="st-key-end-"]', timeout=30_000)
    page.wait_for_selector('[data-testid=stApp][data-test-script-state="notRunning"]')
    try:
        page.wait_for_selector("[data-testid=stSkeleton]", state="detached", timeout=5_000)
    except Error as error:
        raise AssertionError("a part of the page never came") from error
