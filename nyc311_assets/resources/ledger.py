"""The ledger of alerts, ops.alerts: a Delta table that this machine reads and writes by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime

import pyarrow as pa
import stamina
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError

from nyc311_assets.pipeline.contracts import ALERTS
from nyc311_assets.resources.delta_tables import create_table, open_table, read_rows, table_url
from nyc311_assets.resources.ledger_episodes import newest_peak_excess
from nyc311_assets.resources.ledger_rows import Alert, Delivery, from_row, to_row
from nyc311_assets.resources.storage_errors import storage_calls

_MOST_FILES = 50

Change = Callable[[Sequence[Alert]], Iterable[Alert]]


class UnknownAlert(LookupError):
    """There is no alert of this id, and none on an episode or run of this id."""


class NothingToResend(LookupError):
    """No alert of this id is a dead letter that a configured channel lacks."""


class Ledger:
    """Reads and writes ops.alerts.

    Every write is read, decide, commit: a commit succeeds only on the very version that was read,
    and otherwise all three are done again. So writers at the same time, in whatever process, act
    one after the other; none loses what another wrote, and no row is there twice.
    """

    def __init__(self, lakehouse_url: str) -> None:
        """Describe a ledger; the table is made by the first write.

        Args:
            lakehouse_url: Root of the tables: a folder, or s3://… with AWS_* in the environment.
        """
        self._lakehouse_url = lakehouse_url.rstrip("/")
        self.url = table_url(self._lakehouse_url, ALERTS)

    def read(self) -> list[Alert]:
        """All alerts, oldest first.

        Raises:
            StorageRefused: The ledger cannot be read.
        """
        table = open_table(self.url)
        return [] if table is None else _alerts(table)

    def transact(self, change: Change) -> list[Alert]:
        """Add and replace alerts.

        Args:
            change: Takes all alerts, oldest first, and returns those that are new or have changed.
                It is called again when another writer was faster, so it must not act on anything
                else.

        Returns:
            What it returned, now written.

        Raises:
            StorageRefused: The ledger cannot be read or written; nothing of it was.
        """
        with storage_calls(self.url):
            return self._transact(change)

    def _transact(self, change: Change) -> list[Alert]:
        if not DeltaTable.is_deltatable(self.url):
            create_table(self.url, ALERTS)
        for attempt in stamina.retry_context(
            on=CommitFailedError, attempts=30, timeout=45, wait_initial=0.02, wait_max=1.0
        ):
            with attempt:
                table = DeltaTable(self.url)
                changed = list(change(_alerts(table)))
                if changed:
                    _merge(table, changed)
        return changed

    def add(self, decide: Change, channels: Iterable[str]) -> list[Alert]:
        """Record new alerts, once: an id that is there stays as it is.

        Args:
            decide: Takes all alerts so far and returns what is new.
            channels: Names of those that alerts with the outcome send are to reach.

        Returns:
            The alerts that were new.
        """
        names = tuple(channels)

        def change(alerts: Sequence[Alert]) -> Iterable[Alert]:
            known = {each.alert_id for each in alerts}
            for alert in decide(alerts):
                if alert.alert_id in known:
                    continue
                known.add(alert.alert_id)
                is_sent = alert.outcome == "send"
                yield replace(
                    alert, deliveries={name: Delivery() for name in names} if is_sent else {}
                )

        return self.transact(change)

    def acknowledge(
        self, name: str, *, by: str, now: datetime, note: str | None = None
    ) -> list[Alert]:
        """Say that somebody is at it: its episode stays quiet until it worsens.

        What an alert told along with its own is meant as well: whoever answers a message has read
        all of it.

        Args:
            name: An alert's id, or that of the episode or run that it is about.
            by: Who.
            now: The present time, aware.
            note: What they say.

        Returns:
            All alerts on the same subjects, as they are now.

        Raises:
            UnknownAlert: There is none.
        """
        return self._say(
            name, lambda each: replace(each, acknowledged_by=by, acknowledged_at=now), note
        )

    def mute(self, name: str, *, until: date, note: str | None = None) -> list[Alert]:
        """Keep its episode quiet through a New York day, or until it worsens; see `acknowledge`."""
        return self._say(name, lambda each: replace(each, muted_until=until), note)

    def mark_false(
        self, name: str, *, by: str, now: datetime, note: str | None = None
    ) -> list[Alert]:
        """Say that it is a false alarm: quiet until it worsens; see `acknowledge`."""
        return self._say(
            name, lambda each: replace(each, marked_false_by=by, marked_false_at=now), note
        )

    def resend(self, name: str, channels: Iterable[str]) -> list[Alert]:
        """Bring dead letters to life: they are due at once on every channel that lacks them.

        What was given up for a channel that is no more is forgotten: another one gets it.

        Args:
            name: An alert's id, or that of the episode or run that it is about.
            channels: Names of the configured channels.

        Returns:
            The alerts that will be sent again.

        Raises:
            UnknownAlert: There is none.
            NothingToResend: None of them is a dead letter, or no channel lacks it.
        """
        names = tuple(channels)

        def change(alerts: Sequence[Alert]) -> Iterable[Alert]:
            meant = [each for each in alerts if name in (each.alert_id, each.subject)]
            if not meant:
                raise _unknown(name)
            for each in meant:
                kept = {
                    channel: delivery
                    for channel, delivery in each.deliveries.items()
                    if delivery.state != "dead"
                }
                lacking = {channel: Delivery() for channel in names if channel not in kept}
                if each.is_dead_letter and lacking:
                    yield replace(each, deliveries=kept | lacking)

        changed = self.transact(change)
        if not changed:
            raise NothingToResend(
                f"Nothing of {name} was given up for want of an answer, or no configured channel lacks "
                "it: `nyc311 alert list --all` shows where each alert stands."
            )
        return changed

    def compact(self) -> None:
        """Put the many small files of many small writes together, once there are many."""
        with storage_calls(self.url):
            self._compact()

    def _compact(self) -> None:
        if not DeltaTable.is_deltatable(self.url):
            return
        table = DeltaTable(self.url)
        if len(table.file_uris()) <= _MOST_FILES:
            return
        # A write that comes between makes this fail, and the next time will do.
        try:
            table.optimize.compact(commit_properties=CommitProperties(max_commit_retries=0))
        except CommitFailedError:
            return
        table.vacuum(dry_run=False)

    def _say(self, name: str, said: Callable[[Alert], Alert], note: str | None) -> list[Alert]:
        def change(alerts: Sequence[Alert]) -> Iterable[Alert]:
            subjects = _meant(alerts, name)
            if not subjects:
                raise _unknown(name)
            excess = {each: newest_peak_excess(self._lakehouse_url, each) for each in subjects}
            for each in alerts:
                if each.subject in subjects:
                    noted = excess[each.subject]
                    yield replace(said(each), noted_excess=noted, note=note or each.note)

        return self.transact(change)


def _meant(alerts: Sequence[Alert], name: str) -> set[str]:
    """Subjects of the alerts of this name, and of those that they told along with their own."""
    meant = {each.alert_id for each in alerts if name in (each.alert_id, each.subject)}
    while told := {each.alert_id for each in alerts if each.told_by in meant} - meant:
        meant |= told
    return {each.subject for each in alerts if each.alert_id in meant}


def _unknown(name: str) -> UnknownAlert:
    return UnknownAlert(
        f"There is no alert {name}, and none on an episode or run of this id: "
        "`nyc311 alert list --all` shows those that there are."
    )


def _alerts(table: DeltaTable) -> list[Alert]:
    alerts = [from_row(row) for row in read_rows(table)]
    return sorted(alerts, key=lambda each: (each.created_at, each.alert_id))


def _merge(table: DeltaTable, alerts: Sequence[Alert]) -> None:
    schema = pa.schema(table.schema().to_arrow())
    rows = pa.Table.from_pylist([to_row(each) for each in alerts], schema=schema)
    (
        table.merge(
            rows,
            "target.alert_id = source.alert_id",
            source_alias="source",
            target_alias="target",
            commit_properties=CommitProperties(max_commit_retries=0),
        )
        .when_matched_update_all()
        .when_not_matched_insert_all()
        .execute()
    )
