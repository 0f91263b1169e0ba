"""Each row exactly once, whatever the timestamps and the page size."""

from __future__ import annotations

from datetime import date

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nyc311_assets.pipeline.soda import SodaClient
from nyc311_assets_tests.pipeline.soda.conftest import QUICK
from nyc311_assets_tests.pipeline.soda.portal import Dataset, Portal, requests_of

DATASET = "erm2-nwe9"
DAY = date(2026, 2, 18)
FEW_TIMES = ["00:00:00.000", "00:00:00.001", "12:00:00.000", "23:59:59.999"]


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    times=st.lists(st.sampled_from(FEW_TIMES), max_size=25),
    page_size=st.integers(min_value=1, max_value=7),
)
def test_each_row_comes_exactly_once(portal: Portal, times: list[str], page_size: int) -> None:
    others = requests_of(date(2026, 2, 17), FEW_TIMES, first_key=1_000)
    later = requests_of(date(2026, 2, 19), FEW_TIMES, first_key=2_000)
    rows = requests_of(DAY, times)
    portal.datasets[DATASET] = Dataset([*others, *rows, *later])

    with SodaClient(portal.url, page_size=page_size, retry=QUICK) as client:
        pages = list(client.pages(DATASET, DAY, client.dataset_version(DATASET)))
        retries = client.retries

    landed = [row["source_row_id"] for page in pages for row in page.rows.to_pylist()]
    assert sorted(landed) == sorted(row[":id"] for row in rows)
    assert all(page.row_count == page_size for page in pages[:-1])
    assert pages[-1].row_count < page_size
    assert retries == 0
