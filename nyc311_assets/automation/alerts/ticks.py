"""What the sensors have in common: they record in the ledger, then deliver."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from nyc311_assets.automation.alerts.delivery import deliver
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.resources.channels import open_channels
from nyc311_assets.resources.episode_messages import Links
from nyc311_assets.resources.ledger import Ledger
from nyc311_assets.resources.ledger_rows import Alert
from nyc311_assets.settings import Settings

# A first look, and a cursor that is lost, go back so far; the ledger knows what was told.
FIRST_LOOK = timedelta(days=1)
# Runs may show late in the instance's storage: what ended so long before the cursor is seen again.
OVERLAP = timedelta(hours=1)

Clock = Callable[[], datetime]
Decide = Callable[[Sequence[Alert]], Sequence[Alert]]


def utc_now() -> datetime:
    """The present time."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class AlertDesk:
    """The resource that alert sensors use: ledger, channels and limits.

    Attributes:
        settings: The project's.
        clock: Returns the present time, aware.
    """

    settings: Settings
    clock: Clock = utc_now

    @property
    def ledger(self) -> Ledger:
        """The ledger.

        Raises:
            LakehouseUnknown: The tables are in a catalog, and their place is not set.
        """
        return Ledger(self.settings.operations_url)

    @property
    def links(self) -> Links:
        """Where alerts lead."""
        return Links(self.settings.dashboard_url, self.settings.dagster_url)

    @property
    def local_now(self) -> datetime:
        """The present time in New York."""
        return self.clock().astimezone(NEW_YORK.time_zone)

    @property
    def today(self) -> date:
        """The present day in New York."""
        return self.local_now.date()

    def tick(
        self, context: dg.SensorEvaluationContext, decide: Decide | None, cursor: str | None
    ) -> dg.SensorResult:
        """Record what is new, deliver what is due, and only then move the cursor.

        Args:
            context: The sensor's.
            decide: Takes all alerts so far and returns new ones; None when there is no news.
            cursor: How far the sensor has looked. When anything here raises, it stays.
        """
        channels = open_channels(self.settings, context.log)
        ledger = self.ledger
        recorded = ledger.add(decide, [each.name for each in channels]) if decide else []
        failed = deliver(ledger, channels, clock=self.clock, log=context.log)
        sent = sum(each.outcome == "send" for each in recorded)
        told = f"{sent} new alerts, {len(recorded) - sent} recorded without a message"
        return dg.SensorResult(
            skip_reason=f"{told}; {failed} deliveries failed.", cursor=cursor or context.cursor
        )


def ended_runs(
    context: dg.SensorEvaluationContext,
    statuses: Sequence[dg.DagsterRunStatus],
    now: datetime,
) -> tuple[Sequence[dg.RunRecord], str]:
    """Runs that ended since a little before the cursor, oldest first, and the next cursor."""
    since = datetime.fromisoformat(context.cursor) if context.cursor else now - FIRST_LOOK
    records = context.instance.get_run_records(
        dg.RunsFilter(statuses=list(statuses), updated_after=since - OVERLAP),
        order_by="update_timestamp",
        ascending=True,
    )
    newest = max([since, *(each.update_timestamp.astimezone(UTC) for each in records)])
    return records, newest.isoformat()
