"""All sensors that alert."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from nyc311_assets.automation.alerts.digest import digest_sensor
from nyc311_assets.automation.alerts.failed_checks import failed_checks_sensor
from nyc311_assets.automation.alerts.failed_runs import failed_runs_sensor
from nyc311_assets.automation.alerts.late_data import late_data_sensor
from nyc311_assets.automation.alerts.spend import spend_sensor
from nyc311_assets.automation.alerts.streaks import streaks_sensor


def alert_sensors(status: dg.DefaultSensorStatus) -> Sequence[dg.SensorDefinition]:
    """The sensors; they need the resource `alert_desk`.

    Args:
        status: Whether they run without being switched on.
    """
    return [
        streaks_sensor(status),
        digest_sensor(status),
        failed_runs_sensor(status),
        failed_checks_sensor(status),
        late_data_sensor(status),
        spend_sensor(status),
    ]
