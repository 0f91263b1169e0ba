"""What `nyc311 detect` does and shows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from nyc311_assets.cli.counts_file import (
    check_output,
    read_counts,
    tell_missing,
    write_table,
)
from nyc311_assets.cli.errors import OperationFailed, WrongUse
from nyc311_assets.cli.formats import page_of, printable, progress_bar, say, some
from nyc311_assets.pipeline.anomalies.detection import Detection, default_first_day, detect
from nyc311_assets.pipeline.anomalies.episodes import to_frame
from nyc311_assets.pipeline.anomalies.feeds import DOUBLED, HALF, REPEATED, STUCK
from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.forecasting.panel import Panel, PanelError

WRITTEN = (
    "series", "ds", "actual", "yhat", "lo95", "hi95", "z", "flagged", "watch", "confirmed",
    "reason", "run_length",
)  # fmt: skip
_WHAT = {
    REPEATED: "the counts are those of an earlier day",
    DOUBLED: "the requests are there twice",
    HALF: "the day is only partly published",
}
_SHOWN_EPISODES = 10
_DECIMALS = 3


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for.

    Attributes:
        counts: CSV with the columns series, ds, y.
        out: CSV to write the verdicts to.
        start: First day to judge; None for the first that can be.
        complete_until: Last complete day: later ones are not looked at; None if all are complete.
        episodes: CSV to write the episodes to; None for none.
    """

    counts: Path
    out: Path
    start: date | None = None
    complete_until: date | None = None
    episodes: Path | None = None


def run_detect(console: Console, city: City, request: Request) -> None:
    """Judge each day by the forecasts issued before it, write the verdicts, and sum them up.

    Args:
        console: Where it is shown.
        city: Whose holidays they are.
        request: What is asked for.

    Raises:
        WrongUse: The counts cannot be read or break a rule, no day can be judged from then on, or
            the results cannot be written there.
        OperationFailed: No day of any series could be judged.
    """
    for out in filter(None, (request.out, request.episodes)):
        check_output(out, request.counts)
    if request.episodes is not None and request.episodes.resolve() == request.out.resolve():
        raise WrongUse(f"{request.out} is named twice. Name another file for the episodes.")
    try:
        panel = _complete(read_counts(request.counts), request.complete_until)
        start = request.start or default_first_day(panel)
        _describe(console, panel, start)
        found = _detect(console, city, panel, start)
    except PanelError as error:
        raise WrongUse(f"{request.counts}: {error}") from None
    _tell(console, found)
    _write(console, found, request)
    if not found.verdicts["z"].notna().any():
        raise OperationFailed("No day could be judged: the lines above and the reasons say why.")
    _sum_up(console, found)


def _complete(panel: Panel, until: date | None) -> Panel:
    if until is None or until >= panel.last_day:
        return panel
    return panel.until(until)


def _detect(console: Console, city: City, panel: Panel, start: date) -> Detection:
    holidays = city.holidays(panel.first_day, panel.last_day + timedelta(days=7))
    with progress_bar(console) as progress:
        task = progress.add_task("Walking forward", total=None)
        return detect(
            panel,
            start,
            holidays,
            on_start=lambda days: progress.update(task, total=days),
            on_day=lambda _: progress.advance(task),
        )


def _write(console: Console, found: Detection, request: Request) -> None:
    table = found.verdicts[list(WRITTEN)].copy()
    table["ds"] = table["ds"].dt.strftime("%Y-%m-%d")
    for column in ("yhat", "z"):
        table[column] = table[column].round(_DECIMALS)
    write_table(table, request.out)
    say(console, f"Wrote {len(table):,} verdicts to {request.out}.")
    if request.episodes is not None:
        episodes = to_frame(found.episodes)
        write_table(episodes, request.episodes)
        say(console, f"Wrote {len(episodes):,} episodes to {request.episodes}.")


def _describe(console: Console, panel: Panel, start: date) -> None:
    say(
        console,
        f"{len(panel.series):,} series, {panel.first_day} to {panel.last_day}; "
        f"judged from {start} on.",
    )
    tell_missing(console, panel, "; a run does not go on over them")


def _tell(console: Console, found: Detection) -> None:
    for what, told in _WHAT.items():
        days = [str(each.day) for each in found.bad_days if each.what == what]
        if days:
            say(
                console,
                f"Not judged, as {told}: {some(days)}. Correct the counts and run again.",
            )
    stuck = Counter(str(each.series) for each in found.bad_days if each.what == STUCK)
    if stuck:
        shown = [f"{name} ({days} days)" for name, days in sorted(stuck.items())]
        say(
            console,
            f"The count of {len(stuck):,} series did not move for days, which chance does not do; "
            f"they are judged all the same: {some(shown)}. Look at their source.",
        )
    if found.too_short:
        shown = [f"{name} ({days} known days)" for name, days in sorted(found.too_short.items())]
        say(
            console,
            f"{len(found.too_short):,} series are too short to be judged, their days are written "
            f"without a verdict: {some(shown)}.",
        )
    if found.retired:
        shown = [f"{name} (last known day {day})" for name, day in sorted(found.retired.items())]
        say(console, f"{len(found.retired):,} series have ended: {some(shown)}.")


def _sum_up(console: Console, found: Detection) -> None:
    judged = found.verdicts[found.verdicts["z"].notna()]
    say(
        console,
        f"Of {len(judged):,} judged days {judged['is_anomaly'].mean():.2%} are above the 95 % band, "
        f"{judged['watch'].mean():.2%} on watch, {judged['confirmed'].mean():.2%} confirmed.",
    )
    states = Counter(episode.state for episode in found.episodes)
    say(console, f"{len(found.episodes):,} episodes, {states['open']:,} of them open.")
    if not found.episodes:
        return
    page = page_of("series", "start", "end", "tier", "excess", "days", left=4)
    worst = sorted(found.episodes, key=lambda each: -each.severity)[:_SHOWN_EPISODES]
    for episode in worst:
        page.add_row(
            escape(printable(episode.series)),
            str(episode.start),
            str(episode.end),
            episode.tier,
            f"{episode.excess:+,.0f}",
            f"{episode.days}",
        )
    console.print(page)
