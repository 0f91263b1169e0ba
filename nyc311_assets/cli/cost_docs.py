"""`nyc311 cost --docs`: what a month costs, as a page of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from nyc311_assets.cli.cost import dollars
from nyc311_assets.resources.costs import runs
from nyc311_assets.resources.costs.options import (
    Workload,
    around,
    compute_options,
    hosting_options,
)
from nyc311_assets.resources.costs.prices import PriceList, price_list

# An environment that is put up on demand is there for this part of the month.
QA_SHARE = 1 / 6


def cost_docs() -> str:
    """The page, with a newline at its end."""
    prices, work = price_list(), Workload()
    return (
        "\n\n".join(
            (
                "# What it costs",
                "Written by `nyc311 cost --docs` from `nyc311_assets/resources/costs/`: change it "
                "there. Nothing here was billed: no AWS account and no Databricks workspace could be "
                f"reached, and no price could be looked up. The list is of {prices.date}; each price "
                "says whether it was researched earlier or is remembered. Check before relying on it.",
                _assumptions(work),
                _combinations(work, prices),
                _environments(work, prices),
                _sensitivity(prices),
                "## Around the runs\n\n" + _parts(around(work, prices).parts),
                _prices(prices),
            )
        )
        + "\n"
    )


def _assumptions(work: Workload) -> str:
    return (
        "## Assumptions\n\n"
        f"- One daily run of {work.steps_per_day} steps of {work.minutes_per_step:g} minutes "
        "each. That is a planning figure, not a measurement on Databricks; `ops.runs` has the "
        "minutes of your runs, and `nyc311 cost` counts those.\n"
        f"- Each step on a job cluster has a start of {runs.STARTUP_SECONDS / 60:g} minutes and "
        f"an end of {runs.SHUTDOWN_SECONDS / 60:g}, paid for as computing, units included; "
        f"{runs.DISK_GB_PER_NODE:g} GB of disk and a public address a node.\n"
        f"- Serverless uses {runs.SERVERLESS_DBU_PER_HOUR:g} units an hour of computing.\n"
        f"- {work.storage_gb:g} GB in S3, {work.put_requests:,} writing and "
        f"{work.get_requests:,} reading requests a month.\n"
        "- Public subnets, no NAT gateway and no load balancer. Runs of Dagster share the "
        "daemon's machine. No tax, no discount, no free tier, no transfer out of the region."
    )


def _combinations(work: Workload, prices: PriceList) -> str:
    computes, hosts = compute_options(work, prices), hosting_options(prices)
    base = around(work, prices).month_usd
    rows = [
        (
            each.name,
            dollars(each.month_usd),
            *(dollars(each.month_usd + host.month_usd + base) for host in hosts),
        )
        for each in sorted(computes, key=lambda option: option.month_usd)
    ]
    return (
        "## One environment, a month\n\n"
        + _page(("compute", "alone", *(f"with {host.name}" for host in hosts)), rows)
        + f"\n\nStorage and watching, {dollars(base)}, is in every sum. The first line with the "
        "first host is the cheapest, and recommended where a spot node may be taken away in a "
        "step: Dagster then runs the step again. Today's `NYC311_COMPUTE=job_cluster` asks for "
        "m5.xlarge with one to three spot workers (`resources/compute.py`)."
    )


def _environments(work: Workload, prices: PriceList) -> str:
    computes = {each.name: each.month_usd for each in compute_options(work, prices)}
    box, fargate, _ = (each.month_usd for each in hosting_options(prices))
    base = around(work, prices).month_usd
    small = computes["single node, m5.large, spot"] + box + base
    sure = computes["single node, m5.large, on demand"] + fargate + base
    rows = [
        (name, dollars(small), dollars(small * QA_SHARE), dollars(prod), dollars(total))
        for name, prod, total in (
            ("single boxes", small, small * (2 + QA_SHARE)),
            ("prod on Fargate, on demand", sure, sure + small * (1 + QA_SHARE)),
        )
    ]
    return (
        "## Three environments, a month\n\nqa is there for a sixth of the month. The aims are "
        "$80 for the first and $140 for the second.\n\n"
        + _page(("variant", "dev", "qa", "prod", "together"), rows)
    )


def _sensitivity(prices: PriceList) -> str:
    rows = [
        (
            f"{minutes:g}",
            *(
                dollars(each.month_usd)
                for each in compute_options(Workload(minutes_per_step=minutes), prices)
                if each.name in _SHOWN
            ),
        )
        for minutes in (2.0, 4.0, 8.0, 16.0, 30.0)
    ]
    return "## When steps take longer or shorter\n\n" + _page(("minutes a step", *_SHOWN), rows)


_SHOWN = (
    "single node, m5.large, spot",
    "jobs cluster, m5.xlarge, 1 spot worker",
    "serverless",
)


def _parts(parts: Mapping[str, float]) -> str:
    return _page(("part", "a month"), [(name, dollars(usd)) for name, usd in parts.items()])


def _prices(prices: PriceList) -> str:
    rows = [
        (name, f"${each.usd:.10g}", each.per, each.basis, each.source)
        for name, each in prices.prices.items()
    ]
    rows += [
        (
            name,
            f"${each.on_demand_usd:g}, spot ${each.spot_usd:g}",
            f"hour, and {each.dbu_per_hour:g} DBU",
            "researched",
            "Amazon EC2 and Databricks pricing pages",
        )
        for name, each in prices.nodes.items()
    ]
    return "## Prices\n\n" + _page(("name", "US dollars", "per", "basis", "source"), rows)


def _page(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [headings, ("---",) * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
