"""The pages in a real browser."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from nyc311_assets.resources.ledger import Ledger
from nyc311_assets_tests.dashboard.conftest import PAGES, Open, Server, settle
from nyc311_assets_tests.dashboard.lakehouses import CONFIRMED, RODENT, WATCH

pytestmark = pytest.mark.long

AXE = Path(sys.prefix) / "axe" / "node_modules" / "axe-core" / "axe.min.js"


def at(server: Server, page: str, query: str = "") -> str:
    return f"{server.url}/{'' if page == 'today' else page}{query}"


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_page_is_complete_without_trouble_and_can_be_used_by_all(
    server: Server, visit: Open, page: str, width: int, scheme: str
) -> None:
    query = f"?episode={CONFIRMED}" if page == "series" else ""
    shown = visit(at(server, page, query), width=width, scheme=scheme)
    expect(shown.get_by_role("heading", level=1)).to_have_text(page.capitalize())
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    if not AXE.is_file():
        pytest.skip("complete, but axe-core is not installed: make browser")
    shown.wait_for_timeout(500)  # elements fade in
    shown.evaluate(AXE.read_text("utf-8"))
    violations = shown.evaluate("axe.run().then(found => found.violations)")
    serious = [
        (each["id"], [node["html"][:200] for node in each["nodes"]])
        for each in violations
        if each["impact"] in {"serious", "critical"}
    ]
    assert not serious


def test_an_empty_lakehouse_says_what_to_do(
    visit: Open, serve: Callable[[Path], Server], tmp_path: Path
) -> None:
    running = serve(tmp_path)
    for page in PAGES:
        shown = visit(at(running, page))
        expect(shown.get_by_text("No data yet. Run make demo, then reload.")).to_be_visible()


def test_the_queue_leads_to_the_evidence_and_back_with_its_filters(
    server: Server, visit: Open
) -> None:
    page = visit(at(server, "today", "?tier=confirmed"))
    expect(page.get_by_text("Showing 1 of 2")).to_be_visible()
    page.get_by_role("link", name="Open").click()
    expect(page.get_by_text("Why flagged")).to_be_visible()
    settle(page)
    assert f"episode={CONFIRMED}" in page.url
    page.get_by_role("link", name="Back to queue").click()
    expect(page.get_by_text("Showing 1 of 2")).to_be_visible()
    settle(page)
    assert "tier=confirmed" in page.url


def test_a_choice_goes_into_the_address_and_reset_takes_it_out(server: Server, visit: Open) -> None:
    page = visit(at(server, "today"))
    page.get_by_role("combobox", name="Tier").click()
    page.get_by_role("option", name="watch").click()
    expect(page.get_by_text("Showing 1 of 2")).to_be_visible()
    assert "tier=watch" in page.url
    page.get_by_role("button", name="Reset").click()
    expect(page.get_by_text("Showing 2 of 2")).to_be_visible()
    assert "tier" not in page.url


def test_an_address_of_a_series_restores_the_view(server: Server, visit: Open) -> None:
    page = visit(at(server, "series", "?level=type&series=type%3A+Rodent&days=30&as_of=2026-10-20"))
    expect(page.get_by_text("Rodent, whole city")).to_be_visible()
    expect(page.get_by_text("forecast issued Tue 20 Oct")).to_be_visible()
    expect(page.locator("canvas.marks, svg.marks").first).to_be_visible()


def test_another_series_is_drawn_into_the_chart_that_is_there(server: Server, visit: Open) -> None:
    page = visit(at(server, "series", "?level=borough&series=borough%3A+BRONX&days=30"))
    chart = page.locator("canvas.marks, svg.marks").first
    expect(chart).to_be_visible()
    was_there = chart.element_handle()
    page.get_by_role("combobox", name="Series").click()
    page.get_by_role("option", name="borough: QUEENS", exact=True).click()
    expect(page.get_by_text("All requests, Queens")).to_be_visible()
    settle(page)
    assert was_there is not None and was_there.is_visible()
    afresh = visit(at(server, "series", "?level=borough&series=borough%3A+QUEENS&days=30"))
    expect(afresh.locator("canvas.marks, svg.marks").first).to_be_visible()
    page.mouse.move(0, 0)
    assert chart.screenshot() == afresh.locator("canvas.marks, svg.marks").first.screenshot()


def test_an_address_of_quality_restores_its_choices(server: Server, visit: Open) -> None:
    page = visit(at(server, "quality", "?days=56&ahead=4-7"))
    expect(page.get_by_text("4-7 days ahead, the 95 % band held")).to_be_visible()
    expect(page.get_by_text("for the 56 days to Wed 28 Oct")).to_be_visible()
    expect(page.locator("canvas.marks, svg.marks").first).to_be_visible()
    page.get_by_role("radio", name="15-30").click()
    expect(page.get_by_text("15-30 days ahead, the 95 % band held")).to_be_visible()
    assert "ahead=15-30" in page.url


def test_an_address_of_the_map_restores_it_and_a_borough_leads_to_its_series(
    server: Server, visit: Open
) -> None:
    page = visit(at(server, "map", "?places=boroughs&type=Rodent&metric=requests&day=2026-10-27"))
    expect(page.get_by_text("Tue 27 Oct, Rodent: Bronx is most above its usual")).to_be_visible()
    expect(page.locator("svg.marks path[aria-label^=Bronx]").first).to_be_visible()
    page.get_by_role("link", name="Bronx over time").click()
    expect(page.get_by_text("All requests, Bronx")).to_be_visible()
    settle(page)


def test_the_map_s_agency_and_severity_are_in_its_address(server: Server, visit: Open) -> None:
    page = visit(at(server, "map", "?places=boroughs&agency=DOHMH&metric=severity"))
    expect(page.get_by_text("all requests of DOHMH: Bronx is most above")).to_be_visible()
    page.get_by_role("combobox", name="Agency").click()
    page.get_by_role("option", name="NYPD", exact=True).click()
    expect(page.get_by_text("all requests of NYPD")).to_be_visible()
    assert "agency=NYPD" in page.url


def test_the_forecast_s_choices_are_in_its_address(server: Server, visit: Open) -> None:
    page = visit(at(server, "forecast", "?by=agency&days=30&ratio=9+to+1"))
    expect(page.get_by_text("Thu 29 Oct to Fri 27 Nov")).to_be_visible()
    expect(page.get_by_text("suffice on 90% of days")).to_be_visible()
    page.get_by_role("radio", name="1 to 1", exact=True).click()
    expect(page.get_by_text("suffice on 50% of days")).to_be_visible()
    assert "ratio=1+to+1" in page.url


def test_operations_shows_each_target_and_the_checks_that_fail(server: Server, visit: Open) -> None:
    page = visit(at(server, "operations", "?days=90"))
    expect(page.get_by_text("targets missed")).to_be_visible()
    expect(page.get_by_text("3 checks stand as failed")).to_be_visible()


def test_an_alert_s_address_opens_its_series(server: Server, visit: Open) -> None:
    page = visit(at(server, "series", f"?series={RODENT.replace(' ', '+')}&episode={CONFIRMED}"))
    expect(page.get_by_text("CONFIRMED since Sun 25 Oct")).to_be_visible()
    expect(page.get_by_text("What not to conclude")).to_be_visible()
    assert "SECRET" not in page.content()


def test_what_is_said_of_an_alert_persists(
    own_home: Path, serve: Callable[[Path], Server], visit: Open
) -> None:
    running = serve(own_home)
    page = visit(at(running, "today"))
    page.locator(f".st-key-alert-{WATCH}").get_by_role("button", name="Respond").click()
    page.get_by_label("Your name").fill("Ann")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Acknowledged by Ann.")).to_be_visible()
    [alert] = Ledger(str(own_home / "lakehouse")).read()
    assert (alert.subject, alert.acknowledged_by, alert.outcome) == (WATCH, "Ann", "quiet")
    again = visit(at(running, "today", "?state=not+acknowledged"))
    expect(again.get_by_text("Showing 1 of 2")).to_be_visible()


def test_an_alert_can_be_answered_by_keyboard_alone(
    own_home: Path, serve: Callable[[Path], Server], visit: Open
) -> None:
    page = visit(at(serve(own_home), "today"))
    respond = page.locator(f".st-key-alert-{WATCH}").get_by_role("button", name="Respond")
    tab_to(page, respond)
    page.keyboard.press("Enter")
    name = page.get_by_label("Your name")
    tab_to(page, name)
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("Ann")
    tab_to(page, page.get_by_role("button", name="Save"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("Acknowledged by Ann.")).to_be_visible()


def tab_to(page: Page, wanted: Locator, *, most: int = 80) -> None:
    """Press Tab until an element has the focus."""
    wanted.wait_for()
    for _ in range(most):
        page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{wanted} is not reached by Tab")


def test_a_table_that_cannot_be_read_is_named_and_shown_as_it_was(
    own_home: Path, serve: Callable[[Path], Server], visit: Open
) -> None:
    running = serve(own_home)
    visit(at(running, "today"))
    log = own_home / "lakehouse" / "ml" / "episodes" / "_delta_log"
    (log / f"{1:020d}.json").write_text("{broken")
    page = visit(at(running, "today"))
    expect(page.get_by_text("This table cannot be read now (ml.episodes)")).to_be_visible()
    expect(page.get_by_text("Showing version 0")).to_be_visible()
    expect(page.get_by_text("Showing 2 of 2")).to_be_visible()
