"""Every check says how grave it is, who acts and where to read on."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from nyc311_assets.assets.factory import delta_asset
from nyc311_assets.partitions import daily_partitions
from nyc311_assets.pipeline.checks import GOLD_CHECKS, RAW_CHECKS, SILVER_CHECKS, CheckSpec
from nyc311_assets.pipeline.checks.history import (
    GOLD_HISTORY_CHECKS,
    RAW_HISTORY_CHECKS,
    SILVER_HISTORY_CHECKS,
)
from nyc311_assets.pipeline.contracts import RAW_311
from nyc311_assets.settings import Settings

RUNBOOK = Path(__file__).parents[3] / "docs" / "runbook.md"
HISTORY_CHECKS = (*RAW_HISTORY_CHECKS, *SILVER_HISTORY_CHECKS, *GOLD_HISTORY_CHECKS)
CHECKS = tuple(dict.fromkeys((*RAW_CHECKS, *SILVER_CHECKS, *GOLD_CHECKS, *HISTORY_CHECKS)))


def test_a_check_shows_its_severity_its_owner_and_its_place_in_the_runbook() -> None:
    asset = delta_asset(
        name="raw_311",
        description="",
        contract=RAW_311,
        checks=CHECKS,
        partitions=daily_partitions(Settings(start_date=date(2026, 2, 1))),
    )
    declared = {spec.name: spec for spec in asset.check_specs}
    assert declared.keys() == {check.name for check in CHECKS}
    for check in CHECKS:
        spec = declared[check.name]
        anchor = f"docs/runbook.md#{check.name}"
        assert spec.metadata["severity"] == check.severity
        assert spec.metadata["owner"] == check.owner
        assert spec.metadata["runbook"] == anchor
        for shown in (check.description, check.severity, check.owner, anchor):
            assert shown in (spec.description or "")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_the_place_in_the_runbook_is_there(check: CheckSpec) -> None:
    text = RUNBOOK.read_text("utf-8")
    assert f'<a id="{check.name}"></a>' in text or f"\n### {check.name}\n" in text
    assert f"| `{check.name}` | {check.severity} |" in text
