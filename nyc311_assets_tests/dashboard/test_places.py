"""The queries of Map and Forecast, against small Delta tables."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from nyc311_assets.dashboard.forecast.crews import by_day, plan_file, read_crew_plan
from nyc311_assets.dashboard.forecast.view import expected_table, saving_sentence, sentence
from nyc311_assets.dashboard.geometry import borough_shapes, district_shapes
from nyc311_assets.dashboard.map import view as map_view
from nyc311_assets.dashboard.map.chart import specification, value_of
from nyc311_assets.dashboard.queries.lakehouse import Lakehouse
from nyc311_assets.dashboard.queries.outlook import read_expected, read_newest_origin
from nyc311_assets.dashboard.queries.places import (
    RESIDENTS,
    PlaceDay,
    read_boards,
    read_boroughs,
    read_complete_days,
    read_types_and_agencies,
)
from nyc311_assets.dashboard.theme import LIGHT
from nyc311_assets.pipeline.contracts import DAILY_COUNTS
from nyc311_assets.pipeline.staffing import Costs, crews_for, demand_quantile
from nyc311_assets.settings import Settings
from nyc311_assets_tests.dashboard.lakehouses import LAST, NEWEST, requests_of, write

WEEK = timedelta(weeks=1)


@pytest.fixture
def wide(wide_home: Path) -> Lakehouse:
    return Lakehouse(str(wide_home / "lakehouse"))


@pytest.fixture
def small(small_home: Path) -> Lakehouse:
    return Lakehouse(str(small_home / "lakehouse"))


def test_days_to_choose_from_are_complete(wide: Lakehouse) -> None:
    days = read_complete_days(wide, most=3)
    assert days == [NEWEST - timedelta(days=each) for each in range(3)]
    types, _ = read_types_and_agencies(wide, NEWEST)
    assert types == ["Noise - Residential", "Rodent"]


def test_a_borough_is_compared_with_the_same_weekday_of_four_weeks(wide: Lakehouse) -> None:
    rodent, noise = read_boroughs(wide, NEWEST, complaint_type=None)
    before = [requests_of("type: Rodent", NEWEST - each * WEEK) for each in range(1, 5)]
    assert (rodent.place, rodent.requests) == ("BRONX", requests_of("type: Rodent", NEWEST))
    assert rodent.usual == pytest.approx(sum(before) / 4)
    assert rodent.excess == pytest.approx(rodent.requests - sum(before) / 4)
    assert rodent.per_10_000 == pytest.approx(10_000 * rodent.requests / RESIDENTS["BRONX"])
    # The series on alert: one of the Bronx, one of Queens.
    assert (noise.place, noise.alerts, rodent.alerts) == ("QUEENS", 1, 1)


def test_a_day_without_a_complete_one_before_has_no_usual(wide: Lakehouse) -> None:
    first = read_complete_days(wide, most=100)[-1]
    assert [each.usual for each in read_boroughs(wide, first, complaint_type=None)] == [None, None]


def test_an_incomplete_week_before_is_left_out(own_home: Path) -> None:
    own, day = Lakehouse(str(own_home / "lakehouse")), LAST + WEEK
    write(own_home, DAILY_COUNTS, [{"request_date": day, "complaint_type": "Rodent",
                                    "borough": "BRONX", "agency": "DOHMH", "requests": 90,
                                    "is_complete": True}])  # fmt: skip
    bronx = next(
        each for each in read_boroughs(own, day, complaint_type=None) if each.place == "BRONX"
    )
    # The week before is the day that the source has not published whole.
    whole = [requests_of("type: Rodent", LAST - each * WEEK) for each in range(1, 4)]
    assert bronx.requests == 90
    assert bronx.usual == pytest.approx(sum(whole) / 3)


def test_one_complaint_type_can_be_chosen(wide: Lakehouse) -> None:
    boroughs = read_boroughs(wide, NEWEST, complaint_type="Rodent")
    assert [each.place for each in boroughs] == ["BRONX"]
    boards = read_boards(wide, NEWEST, complaint_type="Rodent")
    assert [(each.place, each.requests) for each in boards] == [("UNSPECIFIED", 59)]


def test_one_agency_can_be_chosen(wide: Lakehouse) -> None:
    _, agencies = read_types_and_agencies(wide, NEWEST)
    assert agencies == ["DOHMH", "NYPD"]
    [bronx] = read_boroughs(wide, NEWEST, complaint_type=None, agency="DOHMH")
    assert (bronx.place, bronx.requests) == ("BRONX", requests_of("type: Rodent", NEWEST))
    assert read_boards(wide, NEWEST, complaint_type=None, agency="no such") == []
    [queens] = read_boroughs(wide, NEWEST, complaint_type=None, agency="NYPD")
    assert queens.place == "QUEENS"
    told = map_view.sentence([bronx], NEWEST, None, "DOHMH")
    assert "all requests of DOHMH: " in told


def test_severity_is_in_standard_deviations_by_how_the_weeks_before_vary(tmp_path: Path) -> None:
    weeks = {"BRONX": [80, 120, 80, 120], "QUEENS": [410, 390, 400, 400]}
    rows = [
        {"request_date": NEWEST - week * WEEK, "complaint_type": "Rodent", "borough": borough,
         "agency": "DOHMH", "requests": requests, "is_complete": True}
        for borough, before in weeks.items()
        for week, requests in enumerate([before[0] * 2, *before])
    ]  # fmt: skip
    write(tmp_path, DAILY_COUNTS, rows)
    queens, bronx = read_boroughs(
        Lakehouse(str(tmp_path / "lakehouse")), NEWEST, complaint_type=None
    )
    # 4 x 20² / 100 and 2 x 10² / 400, over twice three degrees of freedom.
    dispersion = (16 + 0.5) / 6
    assert bronx.spread == pytest.approx((dispersion * 100 * 1.25) ** 0.5)
    assert bronx.severity == pytest.approx(60 / (dispersion * 100 * 1.25) ** 0.5)
    assert queens.severity == pytest.approx(420 / (dispersion * 400 * 1.25) ** 0.5)
    # Bronx has 1.6 times its usual, Queens 2.05 times.
    assert "Queens is most above" in map_view.sentence([queens, bronx], NEWEST, None)


def test_the_sentence_goes_by_severity_and_not_by_ratio() -> None:
    small, large = PlaceDay("A", 24, 12.0, spread=5.0), PlaceDay("B", 900, 600.0, spread=40.0)
    assert "B is most above its usual" in map_view.sentence([small, large], NEWEST, None)


def test_counts_that_vary_less_than_chance_are_taken_as_poisson(wide: Lakehouse) -> None:
    [brooklyn] = [
        each
        for each in read_boards(wide, NEWEST, complaint_type=None)
        if each.place == "03 BROOKLYN"
    ]
    assert brooklyn.spread == pytest.approx((20 * 1.25) ** 0.5)


def test_boards_are_counted_from_the_current_requests(wide: Lakehouse) -> None:
    boards = {each.place: each for each in read_boards(wide, NEWEST, complaint_type=None)}
    # One of the 60 requests without a board is no longer current.
    assert boards["UNSPECIFIED"].requests == 59
    brooklyn = boards["03 BROOKLYN"]
    assert (brooklyn.requests, brooklyn.usual, brooklyn.ratio) == (30, 20.0, 1.5)
    assert (boards["55 BROOKLYN"].ratio, brooklyn.per_10_000, brooklyn.alerts) == (None, None, None)


def test_the_sentence_names_the_place_most_above_its_usual(wide: Lakehouse) -> None:
    boards = read_boards(wide, NEWEST, complaint_type=None)
    told = map_view.sentence(boards, NEWEST, None)
    assert "03 Brooklyn is most above its usual, 30 requests where 20 are usual" in told
    calm = [PlaceDay("BRONX", 10, 12.0)]
    assert "no place is above its usual" in map_view.sentence(calm, NEWEST, "Heat")
    assert "no four weeks before" in map_view.sentence([PlaceDay("BRONX", 1, None)], NEWEST, None)


def test_the_map_colours_what_has_a_figure_and_the_table_has_the_rest(wide: Lakehouse) -> None:
    boards = read_boards(wide, NEWEST, complaint_type=None)
    drawn = specification(district_shapes(), boards, "against usual", LIGHT, title="map")
    values = {each["id"]: each["properties"]["value"] for each in drawn["data"]["values"]}
    assert len(values) == 59
    assert {name for name, value in values.items() if value is not None} == {
        "03 BROOKLYN", "12 QUEENS",
    }  # fmt: skip
    table = map_view.places_table(boards, "community boards")
    assert "55 Brooklyn" in table["place"].to_pylist()
    assert len(borough_shapes()) == len(RESIDENTS)
    assert value_of(PlaceDay("BRONX", 7, 14.0), "requests") == 7.0
    by_severity = specification(district_shapes(), boards, "severity", LIGHT, title="map")
    shown = {each["id"]: each["properties"]["value"] for each in by_severity["data"]["values"]}
    assert shown["03 BROOKLYN"] == pytest.approx(2.0)


def test_what_is_expected_is_beside_the_four_weeks_before(wide: Lakehouse) -> None:
    as_of = read_newest_origin(wide)
    assert as_of == NEWEST
    noise, rodent = read_expected(wide, NEWEST, level="type", days=7)
    assert (noise.label, rodent.label) == ("Noise - Residential", "Rodent")
    assert (noise.expected, noise.lo80, noise.hi80) == pytest.approx((700, 560, 840))
    days = [NEWEST - timedelta(days=each) for each in range(28)]
    usual = sum(requests_of("type: Rodent", day) for day in days) * 7 / 28
    assert rodent.usual == pytest.approx(usual)
    assert rodent.change == pytest.approx(280 / usual - 1)
    assert "Rodent changes most" in sentence([noise, rodent], NEWEST, 7)
    assert expected_table([noise], "type")["expected"].to_pylist() == [700]
    longer = read_expected(wide, NEWEST, level="type", days=30)
    assert longer[0].expected == pytest.approx(3000)
    assert [each.label for each in read_expected(wide, NEWEST, level="agency", days=7)] == [
        "NYPD", "DOHMH",
    ]  # fmt: skip


def test_crews_suffice_with_the_probability_that_the_costs_ask_for(wide: Lakehouse) -> None:
    plan = read_crew_plan(wide, NEWEST, per_crew={"NYPD": 20.0}, costs=Costs(3, 1))
    assert plan is not None
    row = plan.days[plan.days["agency"] == "NYPD"].iloc[0]
    assert row["ds"] == NEWEST + timedelta(days=1)
    level = requests_of("type: Noise - Residential", NEWEST - timedelta(days=6))
    bounds = np.array([level * share for share in (0.8, 0.9, 1.0, 1.1, 1.2)])
    assert row["demand"] == pytest.approx(float(demand_quantile(bounds, 0.75)))
    assert row["crews"] == crews_for(np.array([row["demand"]]), 20.0)[0]
    before = [
        requests_of("type: Noise - Residential", row["ds"] - each * WEEK) for each in range(1, 5)
    ]
    assert row["usual_crews"] == np.ceil(sum(before) / 4 / 20)
    days = by_day(plan.days)
    assert list(days["agency"]) == ["DOHMH", "NYPD"]
    assert plan_file(plan.days).num_rows == 14


def test_savings_are_of_the_weeks_that_have_come(wide: Lakehouse) -> None:
    plan = read_crew_plan(wide, NEWEST, per_crew={}, costs=Costs(3, 1))
    assert plan is not None
    assert plan.origins == tuple(NEWEST - each * WEEK for each in range(4, 0, -1))
    whole = plan.savings[plan.savings["agency"] == "all"].iloc[0]
    assert whole["days"] == 28
    assert "over 28 days of 4 weeks" in saving_sentence(plan)


def test_without_forecasts_of_agencies_there_is_no_plan(small: Lakehouse) -> None:
    assert read_crew_plan(small, NEWEST, per_crew={}, costs=Costs()) is None


def test_before_a_week_has_come_no_saving_is_told(wide: Lakehouse) -> None:
    first = NEWEST - 4 * WEEK
    plan = read_crew_plan(wide, first, per_crew={}, costs=Costs())
    assert plan is not None
    assert plan.origins == ()
    assert plan.savings.empty
    assert plan.days["ds"].max() == first + WEEK
    assert LAST not in set(plan.days["ds"])


def test_a_setting_of_crews_that_is_none_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NYC311_CREW_REQUESTS", "NYPD=0")
    with pytest.raises(ValidationError, match=r"crew_requests\n.*'NYPD=0' is no agency"):
        Settings()
