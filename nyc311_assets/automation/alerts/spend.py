"""The sensor that tells of spend, and the check of it."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from nyc311_assets.automation.alerts.ticks import AlertDesk, Decide
from nyc311_assets.resources.costs.month import Month
from nyc311_assets.resources.costs.spend import read_month
from nyc311_assets.resources.ledger_rows import Alert, alert_id
from nyc311_assets.resources.spend_metric import MetricNotSent, send_spend

SPEND = "spend"
CHECK = "spend_under_budget"
ASSET = "anomalies"
THRESHOLDS = (80, 100)
INTERVAL_SECONDS = 3600


def spend_sensor(status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Tells at 80 % and at 100 % of the month's budget, once a month each.

    Args:
        status: Whether the sensor runs without being switched on.
    """

    @dg.sensor(
        name="spend",
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=status,
        description="Tells when the month's estimated spend reaches 80 % and 100 % of the budget.",
    )
    def spend(
        context: dg.SensorEvaluationContext, alert_desk: dg.ResourceParam[AlertDesk]
    ) -> dg.SensorResult:
        settings = alert_desk.settings
        month = read_month(settings, alert_desk.clock())
        if settings.cloudwatch_region:
            try:
                send_spend(
                    month.to_date_usd,
                    environment=settings.environment,
                    region=settings.cloudwatch_region,
                    at=alert_desk.clock(),
                )
            except MetricNotSent as error:
                # The alerts must go out all the same; the next tick sends the metric again.
                context.log.error("%s", error)  # noqa: TRY400 - its message says it all
        return alert_desk.tick(context, decide_spend(alert_desk, month), None)

    return spend


def decide_spend(desk: AlertDesk, month: Month) -> Decide:
    """Which thresholds the month has newly reached; the highest tells of those below."""
    reached = [each for each in THRESHOLDS if month.share * 100 >= each]

    def decide(alerts: Sequence[Alert]) -> Sequence[Alert]:
        known = {each.alert_id for each in alerts}
        new = [each for each in reached if _identity(desk, month, each) not in known]
        teller = _identity(desk, month, max(new, default=0))
        return [_alert(desk, month, each, teller) for each in new]

    return decide


def spend_check() -> dg.AssetChecksDefinition:
    """Whether the month's spend is under the budget; a warning, it stops nothing."""

    @dg.asset_check(
        asset=ASSET,
        name=CHECK,
        description="The month's estimated spend is under NYC311_BUDGET_USD. `nyc311 cost` shows "
        "what it is made of.",
        blocking=False,
    )
    def spend_under_budget(alert_desk: dg.ResourceParam[AlertDesk]) -> dg.AssetCheckResult:
        # Whatever is wrong is the finding: spend that is not known must not fail a day's run.
        try:
            month = read_month(alert_desk.settings, alert_desk.clock())
        except Exception as error:  # noqa: BLE001
            return dg.AssetCheckResult(
                passed=False,
                severity=dg.AssetCheckSeverity.WARN,
                description=f"The spend is not known. {type(error).__name__}: {error}",
            )
        return dg.AssetCheckResult(
            passed=month.share < 1,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                "month": month.name,
                "to_date_usd": round(month.to_date_usd, 2),
                "forecast_usd": round(month.forecast_usd, 2),
                "budget_usd": month.budget_usd,
            },
        )

    return spend_under_budget


def _identity(desk: AlertDesk, month: Month, threshold: int) -> str:
    return alert_id(SPEND, desk.settings.environment, month.name, str(threshold))


def _alert(desk: AlertDesk, month: Month, threshold: int, teller: str) -> Alert:
    name = _identity(desk, month, threshold)
    dearest = sorted(month.by_asset.items(), key=lambda each: -each[1])[:3]
    lines = [
        f"Spend of {month.name} so far: ${month.to_date_usd:,.2f} of ${month.budget_usd:,.2f} "
        f"(estimated by list prices); forecast for the month ${month.forecast_usd:,.2f}.",
        f"Runs ${month.runs_usd:,.2f}, fixed ${month.fixed_usd:,.2f}.",
        *(f"- {asset}: ${usd:,.2f}" for asset, usd in dearest),
        "What to do: `nyc311 cost` shows where it goes, `nyc311 cost --what-if` what is cheaper.",
    ]
    return Alert(
        alert_id=name,
        kind=SPEND,
        subject=f"{SPEND}:{month.name}",
        severity="critical" if threshold >= max(THRESHOLDS) else "warning",
        title=f"{threshold} % of the budget of {month.name} is spent",
        body="\n".join(lines),
        attributes={"kind": SPEND, "threshold": str(threshold), "month": month.name},
        created_at=desk.clock(),
        outcome="send" if name == teller else "folded",
        told_by=None if name == teller else teller,
    )
