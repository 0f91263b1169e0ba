"""What one remote run costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from nyc311_assets.resources.compute import NODE_TYPE
from nyc311_assets.resources.costs.prices import HOURS_PER_MONTH, PriceList, price_list
from nyc311_assets.resources.run_times import RunSeconds

# Assumed: what cannot be seen from a run.
STARTUP_SECONDS = 300.0
SHUTDOWN_SECONDS = 60.0
DISK_GB_PER_NODE = 180.0
SERVERLESS_DBU_PER_HOUR = 2.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """The machines of a run.

    Attributes:
        node: Their type.
        workers: Beside the driver; 0 for a single node.
        spot: Whether the workers are spot instances; the driver is on demand.
        spot_driver: Whether the driver is, too.
        dbu: Name of the price of a Databricks unit.
    """

    node: str = NODE_TYPE
    workers: int = 1
    spot: bool = True
    spot_driver: bool = False
    dbu: str = "jobs_dbu"


@dataclass(frozen=True, slots=True)
class RunCost:
    """An estimate.

    Attributes:
        price_list: Date of the prices.
        parts: Part -> US dollars.
        total_usd: Their sum; None without a price for the node type.
    """

    price_list: date
    parts: Mapping[str, float]
    total_usd: float | None


def cluster_cost(cluster: Cluster, seconds: float, prices: PriceList) -> dict[str, float]:
    """What a cluster costs for so long: units, instances, disks, public addresses.

    Args:
        cluster: Its machines.
        seconds: From its first instance to the last one's end. Databricks bills units from a
            little later on: the estimate is on the high side.
        prices: The price list.

    Raises:
        KeyError: The list does not have the node type.
    """
    hours = seconds / 3600
    node = prices.nodes[cluster.node]
    nodes = cluster.workers + 1
    driver = node.spot_usd if cluster.spot_driver else node.on_demand_usd
    worker = node.spot_usd if cluster.spot else node.on_demand_usd
    disk = DISK_GB_PER_NODE * prices.usd("ebs_gp3") / HOURS_PER_MONTH
    return {
        "dbu": hours * nodes * node.dbu_per_hour * prices.usd(cluster.dbu),
        "instances": hours * (driver + cluster.workers * worker),
        "disks": hours * nodes * disk,
        "addresses": hours * nodes * prices.usd("public_ipv4"),
    }


def price_run(
    compute: str,
    seconds: RunSeconds,
    *,
    is_embedded: bool,
    prices: PriceList | None = None,
    cluster: Cluster | None = None,
) -> RunCost:
    """Estimate what a run costs on Databricks.

    A job cluster is paid from its start to its end; an existing cluster only while the run
    computes, since it is there anyway; serverless by the unit while the run computes.

    Args:
        compute: job_cluster, serverless or existing_cluster.
        seconds: How long the run took.
        is_embedded: It ran in the embedded workspace, which gets no cluster: a job cluster's
            start-up is assumed.
        prices: The price list; None for the package's.
        cluster: The machines; None for those that the package asks for, with one worker.
    """
    prices = prices or price_list()
    try:
        if compute == "serverless":
            units = seconds.execution / 3600 * SERVERLESS_DBU_PER_HOUR
            parts = {"dbu": units * prices.usd("serverless_dbu")}
        elif compute == "existing_cluster":
            machines = cluster or Cluster(spot=False, dbu="all_purpose_dbu")
            parts = cluster_cost(machines, seconds.execution, prices)
        else:
            startup = STARTUP_SECONDS if is_embedded else seconds.setup
            whole = startup + seconds.execution + SHUTDOWN_SECONDS
            parts = cluster_cost(cluster or Cluster(), whole, prices)
    except KeyError:
        return RunCost(prices.date, {}, None)
    return RunCost(prices.date, parts, sum(parts.values()))
