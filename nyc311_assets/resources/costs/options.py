"""The month in its possible forms: compute for the steps, hosting for Dagster, and what goes with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nyc311_assets.resources.costs.prices import HOURS_PER_MONTH, PriceList
from nyc311_assets.resources.costs.runs import (
    SERVERLESS_DBU_PER_HOUR,
    SHUTDOWN_SECONDS,
    STARTUP_SECONDS,
    Cluster,
    cluster_cost,
)

DAYS_PER_MONTH = HOURS_PER_MONTH / 24
# An existing cluster starts once a day, and ends itself after so long without work.
_IDLE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Workload:
    """What a month's steps ask for.

    Attributes:
        steps_per_day: Steps of a daily run.
        minutes_per_step: Of computing, without the cluster's start.
        storage_gb: In S3.
        put_requests: In a month, LIST requests among them.
        get_requests: In a month.
    """

    steps_per_day: int = 6
    minutes_per_step: float = 8.0
    storage_gb: float = 20.0
    put_requests: int = 300_000
    get_requests: int = 1_500_000

    @property
    def seconds_per_day(self) -> float:
        """Computing of a day."""
        return self.steps_per_day * self.minutes_per_step * 60


@dataclass(frozen=True, slots=True)
class Option:
    """A choice, and what it costs in a month.

    Attributes:
        name: Its name.
        parts: Part -> US dollars a month.
    """

    name: str
    parts: Mapping[str, float]

    @property
    def month_usd(self) -> float:
        """US dollars a month."""
        return sum(self.parts.values())


def compute_options(work: Workload, prices: PriceList) -> Sequence[Option]:
    """The ways to run the steps, for one environment."""
    daily = work.seconds_per_day
    on_jobs = daily + work.steps_per_day * (STARTUP_SECONDS + SHUTDOWN_SECONDS)
    clusters = {
        "single node, m5.large, spot": Cluster("m5.large", 0, spot_driver=True),
        "single node, m5.large, on demand": Cluster("m5.large", 0, spot=False),
        "single node, m5.xlarge, on demand": Cluster("m5.xlarge", 0, spot=False),
        "jobs cluster, m5.large, 1 spot worker": Cluster("m5.large", 1),
        "jobs cluster, m5.xlarge, 1 spot worker": Cluster("m5.xlarge", 1),
        "jobs cluster, m5.xlarge, 1 worker on demand": Cluster("m5.xlarge", 1, spot=False),
        "jobs cluster, m5.xlarge, 3 spot workers": Cluster("m5.xlarge", 3),
    }
    shared = Cluster("m5.xlarge", 1, spot=False, dbu="all_purpose_dbu")
    units = daily / 3600 * SERVERLESS_DBU_PER_HOUR
    return [
        *(_monthly(name, cluster_cost(each, on_jobs, prices)) for name, each in clusters.items()),
        _monthly("serverless", {"dbu": units * prices.usd("serverless_dbu")}),
        _monthly(
            "existing all-purpose cluster, m5.xlarge, 1 worker",
            cluster_cost(shared, daily + STARTUP_SECONDS + _IDLE_SECONDS, prices),
        ),
    ]


def hosting_options(prices: PriceList) -> Sequence[Option]:
    """The ways to host Dagster and the dashboard, for one environment."""
    hour, address = HOURS_PER_MONTH, HOURS_PER_MONTH * prices.usd("public_ipv4")
    return [
        Option(
            "single box, t4g.small",
            {
                "instance": hour * prices.usd("box_t4g_small"),
                "disk, 30 GB": 30 * prices.usd("ebs_gp3"),
                "public address": address,
            },
        ),
        *(
            Option(
                f"Fargate {label}, 3 services of 0.25 vCPU and 1 GB, RDS",
                {
                    "Fargate": 3
                    * hour
                    * (0.25 * prices.usd(f"{key}_vcpu") + prices.usd(f"{key}_gb")),
                    "RDS db.t4g.micro, 20 GB": hour * prices.usd("rds_t4g_micro")
                    + 20 * prices.usd("rds_gp3"),
                    "public addresses": 3 * address,
                },
            )
            for label, key in (("ARM", "fargate_arm"), ("x86", "fargate_x86"))
        ),
    ]


def around(work: Workload, prices: PriceList) -> Option:
    """What every environment has besides: storage, watching, secrets, images, audit."""
    requests = work.put_requests + work.get_requests
    return Option(
        "storage and watching",
        {
            "S3 storage": work.storage_gb * prices.usd("s3_storage"),
            "S3 requests": work.put_requests * prices.usd("s3_put")
            + work.get_requests * prices.usd("s3_get"),
            "CloudWatch, 5 metrics, 5 alarms, 1 dashboard": 5 * prices.usd("cloudwatch_metric")
            + 5 * prices.usd("cloudwatch_alarm")
            + prices.usd("cloudwatch_dashboard"),
            "Secrets Manager, 4 secrets": 4 * prices.usd("secret"),
            "ECR, 2 GB": 2 * prices.usd("ecr_storage"),
            "CloudTrail data events": requests * prices.usd("cloudtrail_data"),
        },
    )


def _monthly(name: str, of_a_day: Mapping[str, float]) -> Option:
    return Option(name, {part: usd * DAYS_PER_MONTH for part, usd in of_a_day.items()})
