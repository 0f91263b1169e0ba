from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import dagster as dg
import pytest

from nyc311_assets.automation.publication import publication_sensor
from nyc311_assets.partitions import daily_partitions
from nyc311_assets.pipeline.soda.errors import SodaError
from nyc311_assets.settings import Settings

SETTINGS = Settings(start_date=date(2026, 1, 1))
EVENING = datetime(2026, 3, 11, 1, 40, tzinfo=UTC)
NEXT_EVENING = datetime(2026, 3, 12, 1, 41, tzinfo=UTC)


class Source:
    """A source whose publications the test makes; stands as the runner, too."""

    settings = SETTINGS

    def __init__(self, published: datetime | None) -> None:
        self.published = published

    def source(self) -> tuple[str, str | None]:
        return "http://source", None

    def read(self, url: str, app_token: str | None) -> datetime:
        assert (url, app_token) == ("http://source", None)
        if self.published is None:
            raise SodaError("it answers 503")
        return self.published


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


def look(
    instance: dg.DagsterInstance, source: Source, cursor: str | None
) -> dg.SensorResult | dg.SkipReason:
    job = dg.define_asset_job("daily")
    sensor = publication_sensor(
        job, daily_partitions(SETTINGS), dg.DefaultSensorStatus.STOPPED, source.read
    )
    context = dg.build_sensor_context(
        instance=instance, cursor=cursor, resources={"runner": source}
    )
    result = sensor(context)
    assert isinstance(result, dg.SensorResult | dg.SkipReason)
    return result


def test_the_first_look_only_notes_what_was_published(instance: dg.DagsterInstance) -> None:
    result = look(instance, Source(EVENING), None)
    assert isinstance(result, dg.SensorResult)
    assert (result.run_requests, result.cursor) == ([], EVENING.isoformat())


def test_a_publication_starts_one_run_of_the_newest_partition(
    instance: dg.DagsterInstance,
) -> None:
    result = look(instance, Source(NEXT_EVENING), EVENING.isoformat())
    assert isinstance(result, dg.SensorResult)
    assert result.run_requests is not None
    (request,) = result.run_requests
    assert request.run_key == result.cursor == NEXT_EVENING.isoformat()
    assert request.partition_key == daily_partitions(SETTINGS).get_last_partition_key()


@pytest.mark.parametrize("published", [EVENING, datetime(2026, 3, 10, 1, 40, tzinfo=UTC)])
def test_the_same_or_an_older_publication_starts_nothing(
    instance: dg.DagsterInstance, published: datetime
) -> None:
    result = look(instance, Source(published), EVENING.isoformat())
    assert isinstance(result, dg.SkipReason)


def test_a_source_that_does_not_answer_is_named_and_asked_again(
    instance: dg.DagsterInstance,
) -> None:
    result = look(instance, Source(None), EVENING.isoformat())
    assert isinstance(result, dg.SkipReason)
    assert "it answers 503" in (result.skip_message or "")
