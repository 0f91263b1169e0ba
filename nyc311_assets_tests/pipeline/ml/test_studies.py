from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from nyc311_assets.pipeline.forecasting import search as searching
from nyc311_assets.pipeline.forecasting.search import search
from nyc311_assets.pipeline.forecasting.settings import ModelSettings
from nyc311_assets.pipeline.ml import studies as kept
from nyc311_assets.pipeline.ml.studies import Studies


class Killed(RuntimeError):
    pass


def test_a_search_that_was_killed_goes_on_where_it_stopped(tmp_path: Path) -> None:
    studies = Studies(tmp_path, print)
    asked: list[ModelSettings] = []

    def evaluate(batch: Sequence[ModelSettings]) -> list[float]:
        if len(asked) >= 8:
            raise Killed
        asked.extend(batch)
        return [1 + each.tilt for each in batch]

    study = studies.open("100+", 7)
    with pytest.raises(Killed):
        search(study, evaluate, trials=12, on_batch=lambda each: studies.keep("100+", each))
    again = studies.open("100+", 7)
    later: list[ModelSettings] = []

    def go_on(batch: Sequence[ModelSettings]) -> list[float]:
        later.extend(batch)
        return [1 + each.tilt for each in batch]

    found = search(again, go_on, trials=12)
    assert len(later) == 4
    assert found.trials == 12
    assert found.loss == pytest.approx(min(1 + each.tilt for each in asked + later))


def test_a_broken_study_is_named_and_begun_anew(tmp_path: Path) -> None:
    said: list[str] = []
    studies = Studies(tmp_path, said.append)
    studies.keep("30-100", studies.open("30-100", 7))
    path = next(tmp_path.rglob("*.json"))
    path.write_text("{half", encoding="utf-8")
    assert not studies.open("30-100", 7).trials
    assert len(said) == 1
    assert str(path) in said[0]
    assert "begins anew" in said[0]


def test_a_study_of_another_search_space_is_not_taken_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studies = Studies(tmp_path, print)
    study = studies.open("100+", 7)
    search(study, lambda batch: [1.0] * len(batch), trials=4)
    studies.keep("100+", study)
    assert len(studies.open("100+", 7).trials) == 4
    monkeypatch.setattr(kept, "SPACE_VERSION", searching.SPACE_VERSION + 1)
    assert not studies.open("100+", 7).trials
