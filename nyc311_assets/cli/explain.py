"""What `nyc311 explain` shows."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console
from rich.markup import escape

from nyc311_assets.automation.explain import EXPLAIN_JOB, EXPLAIN_OP
from nyc311_assets.cli.formats import page_of, printable, say
from nyc311_assets.cli.operations import run_operation
from nyc311_assets.settings import Settings


def explain_episode(
    console: Console, settings: Settings, episode: str, *, as_json: bool = False
) -> None:
    """Show an episode's days, and for each the forecast, model, counts and pulls behind it.

    Raises:
        OperationRefused: There is no such episode.
        OperationFailed: The job did not succeed.
    """
    found = run_operation(settings, EXPLAIN_JOB, {EXPLAIN_OP: {"episode": episode}})[EXPLAIN_OP]
    if as_json:
        console.print_json(json.dumps(dict(found)))
        return
    head = found["episode"]
    say(
        console,
        f"Episode {head['id']}: {printable(head['series'])}, {head['start']} to {head['end']}, "
        f"{head['tier']}, {head['state']}; {head['excess']:+,.0f} requests against "
        f"{head['expected']:,.0f} expected; {head['reasons']}.",
    )
    for each in head["contributors"]:
        say(
            console,
            f"  {each['share']:.0%} of the peak: {printable(each['name'])} ({each['kind']})",
        )
    page = page_of(
        "day", "actual", "expected", "95 % band", "z", "gold", "silver", "agrees", left=1
    )
    for day in found["days"]:
        page.add_row(*_day_row(day))
    console.print(page)
    for day in found["days"]:
        _tell_day(console, day)


def _day_row(day: dict[str, Any]) -> tuple[str, ...]:
    verdict = day["verdict"]
    is_judged = verdict["yhat"] is not None
    return (
        verdict["ds"],
        f"{verdict['actual']:,.0f}",
        f"{verdict['yhat']:,.1f}" if is_judged else "-",
        f"{verdict['lo95']:,.0f}-{verdict['hi95']:,.0f}" if is_judged else "-",
        f"{verdict['z']:.1f}" if verdict["z"] is not None else "-",
        f"{day['gold']['requests']:,}",
        f"{day['silver']['requests']:,}",
        "yes" if day["agrees"] else "NO",
    )


def _tell_day(console: Console, day: dict[str, Any]) -> None:
    verdict, forecast, model = day["verdict"], day["forecast"], day["model"]
    lines = [f"[bold]{verdict['ds']}[/bold]"]
    if forecast is not None:
        by = f"{forecast['model']}, version {forecast['model_version'] or 'none yet'}"
        lines.append(f"  forecast of {forecast['as_of']} by {escape(by)}")
    if model is not None:
        lines.append(f"  trained on {model['trained_on']}: {escape(model['reason'])}")
    lines.append(
        f"  gold version {day['gold']['version']}"
        + (" (not kept any more: today's rows)" if day["gold"]["is_of_today"] else "")
        + f", silver version {day['silver']['version']}"
        + (" (not kept any more: today's rows)" if day["silver"]["is_of_today"] else "")
    )
    lines += [
        f"  pulled by {pull['ingestion_date']}: {pull['rows_landed']:,} of "
        f"{pull['rows_expected']:,} rows of {pull['dataset_id']} as of "
        f"{pull['dataset_version']}, batch {escape(pull['batch_id'])}"
        for pull in day["bronze"]
    ]
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)
