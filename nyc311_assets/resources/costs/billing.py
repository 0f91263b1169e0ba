"""What Databricks has billed, from its system tables, where the workspace offers them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from databricks.sdk import WorkspaceClient

from nyc311_assets.resources.statements import StatementFailed, run_statement

# Serverless usage carries no tags of a run: there the one who ran it is the mark.
_STATEMENT = """
SELECT coalesce(u.custom_tags['asset'], u.custom_tags['operation'], 'untagged') AS asset,
    u.sku_name AS sku, max(u.usage_date) AS newest, sum(u.usage_quantity) AS units,
    sum(u.usage_quantity * p.pricing.effective_list.default) AS usd
FROM system.billing.usage u
JOIN system.billing.list_prices p
    ON u.cloud = p.cloud AND u.sku_name = p.sku_name AND u.usage_unit = p.usage_unit
    AND u.usage_start_time >= p.price_start_time
    AND (p.price_end_time IS NULL OR u.usage_start_time < p.price_end_time)
WHERE u.usage_date BETWEEN :first AND :last
    AND (u.custom_tags['project'] = 'nyc311_assets' OR u.identity_metadata.run_as = current_user())
GROUP BY 1, 2
ORDER BY usd DESC
"""


class BillingUnreadable(RuntimeError):
    """The system tables did not answer."""


@dataclass(frozen=True, slots=True)
class Billed:
    """What was billed for one asset or operation in one kind of compute.

    Attributes:
        asset: By the runs' tags; `untagged` for serverless.
        sku: Databricks' name of the kind.
        newest: The newest day that is in it; usage arrives some hours late.
        units: DBUs.
        usd: At list prices in effect then, without the account's discounts and without AWS.
    """

    asset: str
    sku: str
    newest: date
    units: float
    usd: float


def read_billed(
    client: WorkspaceClient, warehouse_id: str, *, first: date, last: date
) -> Sequence[Billed]:
    """Read what a span of days was billed for this project, the dearest first.

    Args:
        client: The workspace.
        warehouse_id: SQL warehouse that reads the tables; itself billed while it runs.
        first: First day, UTC.
        last: Last day.

    Raises:
        BillingUnreadable: The statement did not succeed.
        WorkspaceRefused: The workspace refused it.
        WorkspaceUnreachable: It did not answer.
    """
    try:
        answer = run_statement(client, warehouse_id, _STATEMENT, {"first": first, "last": last})
    except StatementFailed as error:
        raise BillingUnreadable(
            f"{error} (it was to read system.billing). Who asks needs USE SCHEMA and SELECT on "
            "system.billing, which an account's administrator enables and grants; "
            "NYC311_WAREHOUSE_ID names the warehouse, and without it the estimate is shown alone."
        ) from error
    return [Billed(**each) for each in answer.to_pylist()]
