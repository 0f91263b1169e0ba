"""What `nyc311 benchmark` does and shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import TimeElapsedColumn

from nyc311_assets.cli.counts_file import read_counts
from nyc311_assets.cli.errors import WrongUse
from nyc311_assets.cli.formats import page_of, progress_bar, say
from nyc311_assets.pipeline.anomalies.benchmark.run import (
    HISTORY_DAYS,
    OWN_DROPS,
    SEED,
    Part,
    run_benchmark,
)
from nyc311_assets.pipeline.anomalies.benchmark.scoring import SERIES_OF_A_CITY, Figure, Scores
from nyc311_assets.pipeline.anomalies.benchmark.series import NoSource, Source, source_of

_PARTS = 2


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for.

    Attributes:
        counts: CSV with the columns series, ds, y to bootstrap from; None for simulated series.
        series: How many series to make.
        seed: Of all that is drawn.
    """

    counts: Path | None = None
    series: int = SERIES_OF_A_CITY
    seed: int = SEED


def run(console: Console, request: Request) -> None:
    """Hide events in series, and show how well each detector finds them.

    Raises:
        WrongUse: The counts cannot be read, break a rule, or have no series to bootstrap from.
    """
    source: Source | None = None
    if request.counts is not None:
        try:
            source = source_of(read_counts(request.counts))
        except NoSource as error:
            raise WrongUse(f"{request.counts}: {error}") from None
    say(console, _origin(request, source))
    with progress_bar(console, TimeElapsedColumn()) as progress:
        task = progress.add_task("Walking forward", total=_PARTS)
        parts = run_benchmark(
            source,
            series=request.series,
            seed=request.seed,
            on_part=lambda: progress.advance(task),
        )
    for part in parts:
        _show(console, part)
    say(
        console,
        f"A hit is an episode that starts within [start, end + 2]; false episodes are those in the "
        f"same series without the event, a week in {SERIES_OF_A_CITY} series; scored from day "
        f"{HISTORY_DAYS} of a series on. ±: half of the 95 % interval over series; delay: median and 90th percentile in days; lead: days from the episode's start to the ramp's peak.",
    )


def _origin(request: Request, source: Source | None) -> str:
    made = (
        f"{request.series:,} simulated series"
        if source is None
        else f"{request.series:,} series bootstrapped from {len(source.ratios):,} of {request.counts}"
    )
    return f"{made}, seed {request.seed}."


def _show(console: Console, part: Part) -> None:
    level = "with level drift" if part.drifts else "without level drift"
    page = page_of("detector", "F1", "precision", "recall", "false/week", "delay")
    page.title, page.title_justify = f"Rises, {level}", "left"
    kinds = page_of("detector", "spike", "shift", "ramp", "ramp's lead")
    for name, scores in part.scores.items():
        if name == OWN_DROPS:
            continue
        page.add_row(name, *_figures(scores))
        kinds.add_row(
            name,
            *(_figure(scores.recall_by_kind[kind]) for kind in ("spike", "shift", "ramp")),
            f"{scores.lead:.1f} days",
        )
    console.print(page)
    console.print(kinds)
    drops = page_of("detector", "F1", "precision", "recall", "false/week", "delay")
    drops.title, drops.title_justify = f"Drops, {level}", "left"
    drops.add_row(OWN_DROPS, *_figures(part.scores[OWN_DROPS]))
    console.print(drops)
    say(
        console,
        f"Days without an event: {part.above:.2%} above the 95 % band, {part.watch:.2%} on watch "
        "in a surge.",
    )
    console.print()


def _figures(scores: Scores) -> tuple[str, ...]:
    return (
        _figure(scores.f1),
        _figure(scores.precision),
        _figure(scores.recall),
        f"{scores.false_a_week.value:.1f} ±{scores.false_a_week.half_width:.1f}",
        f"{scores.median_delay:.0f} ({scores.late_delay:.0f})",
    )


def _figure(figure: Figure) -> str:
    return f"{figure.value:.3f} ±{figure.half_width:.3f}"
