from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from nyc311_assets.pipeline.forecasting.gate import FOLDS, fold_origins
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.forecasting.search import (
    NothingFound,
    fold_losses,
    open_study,
    replaces,
    search,
)
from nyc311_assets.pipeline.forecasting.settings import DEFAULT, ModelSettings
from nyc311_assets_tests.pipeline.forecasting.counts import simulated


def loss(settings: ModelSettings) -> float:
    return abs((settings.alpha or 0) - 0.25) + (settings.growth == "linear")


def evaluate(batch: Sequence[ModelSettings]) -> list[float]:
    return [loss(settings) for settings in batch]


def test_a_search_finds_better_settings_and_tries_the_default_first() -> None:
    study = open_study(None, "100+", seed=1)
    found = search(study, evaluate)
    assert found.trials == 20
    assert found.settings.growth == "flat"
    assert found.loss < loss(ModelSettings(alpha=0.15))
    first = study.trials[0].params
    assert first["growth"] == DEFAULT.growth
    assert first["alpha"] == 0.15


def test_an_interrupted_search_goes_on_where_it_stopped(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'studies.db'}"
    batches = 0

    def dying(batch: Sequence[ModelSettings]) -> list[float]:
        nonlocal batches
        batches += 1
        if batches > 2:
            raise KeyboardInterrupt
        return evaluate(batch)

    with pytest.raises(KeyboardInterrupt):
        search(open_study(storage, "100+", seed=1), dying, trials=12)
    asked: list[ModelSettings] = []

    def counting(batch: Sequence[ModelSettings]) -> list[float]:
        asked.extend(batch)
        return evaluate(batch)

    found = search(open_study(storage, "100+", seed=1), counting, trials=12)
    # Eight were done, and the four that were running when it died have failed.
    assert (found.trials, found.failed, len(asked)) == (8, 4, 0)


def test_failed_trials_are_counted_and_do_not_win() -> None:
    found = search(
        open_study(None, "x", seed=2),
        lambda batch: [float("nan") if one.growth == "linear" else loss(one) for one in batch],
    )
    assert found.failed > 0
    assert found.trials + found.failed == 20
    assert found.settings.growth == "flat"


def test_a_search_without_any_success_says_so() -> None:
    with pytest.raises(NothingFound, match="All 3 trials"):
        search(open_study(None, "x", seed=2), lambda batch: [float("inf")] * len(batch), trials=3)


def test_folds_are_past_whole_weeks_and_see_nothing_later() -> None:
    panel = simulated(series=2, days=150)
    days = fold_origins(panel)[-3:]
    assert [panel.column(day) for day in days] == [128, 135, 142]
    before = fold_losses(panel, {}, DEFAULT, days[:1])
    changed = panel.values.copy()
    changed[:, 136:] = 0.0
    other = Panel(panel.series, panel.first_day, changed)
    scale = np.nanmean(np.abs(panel.values[:, 7:] - panel.values[:, :-7]), axis=1)
    other_scale = np.nanmean(np.abs(changed[:, 7:] - changed[:, :-7]), axis=1)
    after = fold_losses(other, {}, DEFAULT, days[:1])
    # Only the scale, which is of the whole panel, has moved.
    assert before[0] == pytest.approx(after[0] * (other_scale / scale).mean(), rel=0.05)


def test_settings_matter_to_the_folds() -> None:
    panel = simulated(series=3, days=150, mean=(300, 301), drift=0.08, seed=3)
    days = fold_origins(panel)
    quick = fold_losses(panel, {}, ModelSettings(alpha=0.3), days).mean()
    slow = fold_losses(panel, {}, ModelSettings(alpha=0.01), days).mean()
    assert quick < slow


@pytest.mark.parametrize(
    ("gain", "folds", "wins"), [(0.06, FOLDS, True), (0.04, FOLDS, False), (0.5, FOLDS - 1, False)]
)
def test_a_challenger_must_be_5_percent_better_over_8_folds(
    gain: float, folds: int, wins: bool
) -> None:
    incumbent = np.ones(folds)
    assert replaces(incumbent * (1 - gain), incumbent) is wins


def test_settings_survive_being_written_down() -> None:
    settings = ModelSettings(growth="linear", alpha=0.1)
    assert ModelSettings.from_dict(settings.to_dict()) == settings
    with pytest.raises(TypeError, match="unexpected"):
        ModelSettings.from_dict({"of_a_newer_version": 1})


def test_a_study_of_another_search_space_is_not_taken_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = f"sqlite:///{tmp_path / 'studies.db'}"
    search(open_study(storage, "100+", seed=1), evaluate, trials=2)
    monkeypatch.setattr("nyc311_assets.pipeline.forecasting.search.SPACE_VERSION", 99)
    assert open_study(storage, "100+", seed=1).trials == []
