"""Spend as a CloudWatch metric."""

from __future__ import annotations

from datetime import datetime

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

# What an alarm on it has to name; the dimension's value is NYC311_ENVIRONMENT.
NAMESPACE = "NYC311"
METRIC = "SpendMonthToDate"
DIMENSION = "Environment"
_TIMEOUT_SECONDS = 10


class MetricNotSent(RuntimeError):
    """CloudWatch did not take the metric."""


def send_spend(usd: float, *, environment: str, region: str, at: datetime) -> None:
    """Put the spend of the month so far, in US dollars.

    Args:
        usd: The spend.
        environment: Whose.
        region: The metric's.
        at: When it was so, aware.

    Raises:
        MetricNotSent: AWS refused it, or did not answer in time.
    """
    try:
        client = boto3.client(
            "cloudwatch",
            region_name=region,
            config=Config(
                connect_timeout=_TIMEOUT_SECONDS,
                read_timeout=_TIMEOUT_SECONDS,
                retries={"total_max_attempts": 2},
            ),
        )
        client.put_metric_data(
            Namespace=NAMESPACE,
            MetricData=[
                {
                    "MetricName": METRIC,
                    "Dimensions": [{"Name": DIMENSION, "Value": environment}],
                    "Timestamp": at,
                    "Value": usd,
                    "Unit": "None",
                }
            ],
        )
    except (BotoCoreError, ClientError, ValueError) as error:
        raise MetricNotSent(
            f"CloudWatch in {region} did not take {NAMESPACE}/{METRIC}: {error}. Look at "
            "NYC311_CLOUDWATCH_REGION and the right cloudwatch:PutMetricData."
        ) from error
