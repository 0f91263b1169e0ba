"""The whole table of figures, from a folder of real data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from nyc311_assets.local.feed.synthetic.calibration import life, places, records, volumes

_ORIGIN = (
    "Measured on public NYC Open Data, dataset erm2-nwe9 unless named: all rows of five stretches "
    "of a day in April and May 2026, of 2021-09-21 and of half of 2023-02-28; pages of 1,000 rows "
    "of 2019-12-31 (76ig-c548), 2024-04-16 and 2025-10-14; a random sample of 8,000 rows of 2010 "
    "to 2018; daily counts of 15 types in June to November 2020, of three types from June 2023 to "
    "March 2025 and of ten categories in January and February 2025; row totals as of 2026-09-16. "
    "Rates are requests a day at the level of 2025; monthly factors, weekdays (Monday first) have "
    "mean 1 (x 1000); places and hours are shares (x 1000); closing is hours at 21 quantiles."
)
_PER_MILLE = 1000


def calibration_table(folder: Path) -> dict[str, Any]:
    """Measure everything. `folder` holds rows/, daily/ and soda_api/."""
    snapshots = records.snapshots(folder)
    censuses = [*snapshots, records.full_day_2021(folder), records.half_day_2023(folder)]
    daily = records.daily_counts(folder)
    totals = records.totals(folder)
    weekdays = volumes.weekdays(daily)
    seasons = volumes.seasons(daily, records.sample_2010_2018(folder))
    units = volumes.unit_table(
        censuses, weekdays, seasons, totals, volumes.rates_of_series(daily, totals)
    )
    now = pd.concat([census.rows for census in snapshots], ignore_index=True)
    full = pd.concat(
        [*(census.rows for census in censuses[len(snapshots) :]), records.api_pages(folder)],
        ignore_index=True,
    )
    observed = life.observed(censuses)
    closing = life.unit_closing_hours(observed)
    everything = pd.concat([now, full], ignore_index=True)
    return {
        "origin": _ORIGIN,
        "totals": totals,
        "seasons": {name: _per_mille(factors) for name, factors in seasons.items()},
        "weekdays": {name: _per_mille(factors) for name, factors in weekdays.items()},
        "dispersions": {
            name: round(value, 1) for name, value in volumes.dispersions(daily).items()
        },
        "units": [_compact(unit, closing) for unit in units],
        "agencies": life.agency_table(
            observed[observed["agency"].isin(now["agency"])], full, closing
        ),
        "kinds": {
            agency: [round(share, 4) for share in shares]
            for agency, shares in places.kind_shares(now, full).items()
        },
        "zips": places.zip_table(now, full, records.page_2019(folder)),
        "dirt": {kind: round(share, 6) for kind, share in life.dirt_shares(everything).items()},
    }


def _per_mille(values: list[float]) -> list[int]:
    return [round(value * _PER_MILLE) for value in values]


def _compact(
    unit: dict[str, Any], closing: dict[tuple[str, str], list[float | None]]
) -> dict[str, Any]:
    record = {
        **unit,
        "rate": round(unit["rate"], 3),
        "places": [round(share, 4) for share in unit["places"]],
        "hours": _per_mille(unit["hours"]),
    }
    own = closing.get((unit["type"], unit["agency"]))
    return record if own is None else {**record, "closing_hours": own}
