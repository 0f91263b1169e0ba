"""`nyc311 alert`: its subcommands."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from nyc311_assets.cli.shell import console, failures
from nyc311_assets.settings import Settings

alerts = typer.Typer(help="Alerts: test the channels, list, acknowledge, mute, send again.")

Name = Annotated[
    str, typer.Argument(metavar="ALERT_OR_EPISODE", help="Id of an alert, an episode or a run.")
]
By = Annotated[str, typer.Option(help="Who you are.")]
Note = Annotated[str | None, typer.Option(help="What is to be said of it.")]


@alerts.callback(invoke_without_command=True)
def alert(
    context: typer.Context,
    *,
    test: Annotated[
        bool, typer.Option("--test", help="Send a test message through every channel.")
    ] = False,
) -> None:
    """Alerts: test the channels, list, acknowledge, mute, send again."""
    if test:
        test_()
    elif context.invoked_subcommand is None:
        console.print(context.get_help())
        raise typer.Exit(2)


@alerts.command("test")
def test_() -> None:
    """Send a test message through every configured channel, and say whether it arrived."""
    from nyc311_assets.cli.alerts import send_test

    with failures():
        arrived = send_test(console, Settings())
    if not arrived:
        raise typer.Exit(1)


@alerts.command("list")
def list_(
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what was acknowledged, muted or not sent.")
    ] = False,
) -> None:
    """Show alerts, newest first: what is to be acted on, and what did not arrive."""
    from nyc311_assets.cli.alerts import list_alerts

    with failures():
        list_alerts(console, Settings(), everything=everything)


@alerts.command()
def ack(name: Name, by: By, note: Note = None) -> None:
    """Say that you are at it: its episode stays quiet until it worsens."""
    from nyc311_assets.cli.alerts import acknowledge

    with failures():
        acknowledge(console, Settings(), name, by=by, note=note)


@alerts.command()
def mute(
    name: Name,
    until: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="The last quiet day, New York.")
    ],
    note: Note = None,
) -> None:
    """Keep an episode quiet through a day, or until it worsens."""
    from nyc311_assets.cli.alerts import mute as mute_alert

    with failures():
        mute_alert(console, Settings(), name, until=until.date(), note=note)


@alerts.command()
def false(name: Name, by: By, note: Note = None) -> None:
    """Mark a false alarm: its episode stays quiet until it worsens."""
    from nyc311_assets.cli.alerts import mark_false

    with failures():
        mark_false(console, Settings(), name, by=by, note=note)


@alerts.command()
def resend(name: Name) -> None:
    """Send what a channel never took once more, at the next tick, wherever it is lacking."""
    from nyc311_assets.cli.alerts import resend as resend_alert

    with failures():
        resend_alert(console, Settings(), name)
