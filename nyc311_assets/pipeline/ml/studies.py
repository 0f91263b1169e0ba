"""Optuna's studies as files of a Volume: what a search has tried survives its interruption.

A Volume takes whole files only, no databases or appends, so each batch of trials writes the study
anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.trial import TrialState, create_trial

from nyc311_assets.pipeline.forecasting.search import SPACE, SPACE_VERSION, open_study

_KEPT = (TrialState.COMPLETE, TrialState.FAIL)


@dataclass(frozen=True, slots=True)
class Studies:
    """The studies in a folder.

    Attributes:
        folder: Where the files are.
        tell: Is told of a study that could not be taken up, and why.
    """

    folder: Path
    tell: Callable[[str], None]

    def open(self, name: str, seed: int) -> optuna.Study:
        """Take up the study of this name and of this search space, or begin it."""
        study = open_study(None, name, seed)
        path = self._path(name)
        if not path.exists():
            return study
        try:
            written = json.loads(path.read_text(encoding="utf-8"))
            trials = [
                create_trial(
                    state=TrialState[each["state"]],
                    params=each["params"],
                    distributions=dict(SPACE),
                    value=each["value"],
                )
                for each in written["trials"]
            ]
        except (ValueError, KeyError, TypeError) as error:
            self.tell(
                f"The study {path} cannot be read ({type(error).__name__}: {error}): the search "
                "begins anew, and will replace the file."
            )
            return study
        for trial in trials:
            study.add_trial(trial)
        return study

    def keep(self, name: str, study: optuna.Study) -> None:
        """Write what a study has tried so far."""
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(
            {
                "space": SPACE_VERSION,
                "trials": [
                    {
                        "state": trial.state.name,
                        "params": trial.params,
                        "value": trial.value if trial.state == TrialState.COMPLETE else None,
                    }
                    for trial in study.get_trials(deepcopy=False, states=_KEPT)
                    if set(trial.params) == set(SPACE)
                ],
            },
            indent=1,
        )
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)

    def _path(self, name: str) -> Path:
        # Another space's trials say nothing about this one: each has files of its own.
        return self.folder / f"space_{SPACE_VERSION}" / f"{name}.json"
