"""What `nyc311 models` does and shows."""

from __future__ import annotations

from rich.console import Console

from nyc311_assets.automation.models import (
    LIST_OP,
    MODEL_VERSIONS_JOB,
    ROLL_BACK_JOB,
    ROLL_BACK_OP,
)
from nyc311_assets.cli.formats import page_of, say
from nyc311_assets.cli.operations import run_operation
from nyc311_assets.settings import Settings


def list_models(console: Console, settings: Settings) -> None:
    """Show all trainings, newest first.

    Raises:
        OperationFailed: The job did not succeed.
    """
    answer = run_operation(settings, MODEL_VERSIONS_JOB, {LIST_OP: {}})[LIST_OP]
    if not answer["versions"]:
        say(console, "No model has been trained yet: prophet_model does when 90 days are complete.")
        return
    page = page_of("version", "trained on", "state", "series", "reason", left=5)
    for row in answer["versions"]:
        page.add_row(
            str(row["model_version"]),
            row["trained_on"],
            _state(row),
            f"{row['series']:,}",
            row["reason"],
        )
    console.print(page)


def _state(row: dict[str, object]) -> str:
    if row["serves"]:
        return "serves"
    if not row["promoted"]:
        return "refused"
    return "taken back" if row["rolled_back_at"] else "has served"


def roll_back_model(console: Console, settings: Settings, *, to: str | None) -> None:
    """Let an earlier model serve.

    Raises:
        OperationRefused: There is no such version, or it cannot serve.
        OperationFailed: The job did not succeed.
    """
    answer = run_operation(settings, ROLL_BACK_JOB, {ROLL_BACK_OP: {"to": to}})[ROLL_BACK_OP]
    taken = ", ".join(answer["taken_back"]) or "none"
    say(
        console,
        f"Version {answer['version']}, trained on {answer['trained_on']}, serves from the next run "
        f"on; taken back: {taken}. Forecasts that were issued stay as they are.",
    )
    if answer["warning"]:
        say(console, answer["warning"])
