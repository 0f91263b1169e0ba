"""The client of the SODA API, and the Spark data source built on it.

The data source itself is in `source`, which needs Spark; nothing else here does.
"""

from nyc311_assets.pipeline.soda.cache import AnswerCache
from nyc311_assets.pipeline.soda.client import SodaClient
from nyc311_assets.pipeline.soda.errors import (
    EmptyPullError,
    MalformedAnswerError,
    NoAnswerError,
    RequestRefusedError,
    RetryableError,
    SodaError,
    SourceBusyError,
    SourceMovedError,
    StaleReplicaError,
    ThrottledError,
    is_source_moved,
)
from nyc311_assets.pipeline.soda.options import RequestDay, request_days, soda_options
from nyc311_assets.pipeline.soda.page import Page
from nyc311_assets.pipeline.soda.progress import fetched_days
from nyc311_assets.pipeline.soda.reconcile import DayReconciliation, reconcile
from nyc311_assets.pipeline.soda.transport import RetryPolicy, Timeouts
from nyc311_assets.pipeline.soda.version import DatasetVersion

__all__ = [
    "AnswerCache",
    "DatasetVersion",
    "DayReconciliation",
    "EmptyPullError",
    "MalformedAnswerError",
    "NoAnswerError",
    "Page",
    "RequestDay",
    "RequestRefusedError",
    "RetryPolicy",
    "RetryableError",
    "SodaClient",
    "SodaError",
    "SourceBusyError",
    "SourceMovedError",
    "StaleReplicaError",
    "ThrottledError",
    "Timeouts",
    "fetched_days",
    "is_source_moved",
    "reconcile",
    "request_days",
    "soda_options",
]
