"""The sensor that tells of episodes as they open, are confirmed, and close."""

from __future__ import annotations

import dagster as dg

from nyc311_assets.automation.alerts.events import Present, decide
from nyc311_assets.automation.alerts.ticks import AlertDesk, Decide
from nyc311_assets.resources.ledger_episodes import read_episodes

ANOMALIES_ASSET = "anomalies"
INTERVAL_SECONDS = 60


def streaks_sensor(status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Tells each event of each episode once; see `events.decide`.

    A new materialization of the asset only says that the table may have news: what is told depends
    on the table and the ledger, not on the order or number of materializations.

    Args:
        status: Whether the sensor runs without being switched on.
    """

    @dg.sensor(
        name="streaks",
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=status,
        description="Tells of episodes of abnormal days as they open, are confirmed (3 or more "
        "days in a row), and close.",
    )
    def streaks(
        context: dg.SensorEvaluationContext, alert_desk: dg.ResourceParam[AlertDesk]
    ) -> dg.SensorResult:
        cursor, run_id = newest_materialization(context, ANOMALIES_ASSET)
        has_news = cursor is not None and cursor != context.cursor
        return alert_desk.tick(
            context, decide_streaks(alert_desk, run_id) if has_news else None, cursor
        )

    return streaks


def decide_streaks(desk: AlertDesk, run_id: str | None) -> Decide | None:
    """What is to be told of the episodes as they are now; None while there is no table.

    Args:
        desk: Ledger, clock and limits.
        run_id: The run that brought the news.
    """
    episodes = read_episodes(desk.settings.tables_url)
    if episodes is None:
        return None
    present = Present(
        now=desk.clock(),
        today=desk.today,
        max_age_days=desk.settings.alert_max_age_days,
        links=desk.links,
        run_id=run_id,
    )
    return lambda alerts: decide(episodes, alerts, present)


def newest_materialization(
    context: dg.SensorEvaluationContext, asset: str
) -> tuple[str | None, str | None]:
    """Storage id and run of an asset's newest materialization; None if there is none."""
    records = context.instance.fetch_materializations(dg.AssetKey(asset), limit=1).records
    if not records:
        return None, None
    return str(records[0].storage_id), records[0].run_id or None
