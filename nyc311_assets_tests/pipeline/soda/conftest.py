from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nyc311_assets.pipeline.soda import RetryPolicy, SodaClient, Timeouts
from nyc311_assets_tests.pipeline.soda.portal import Portal, running_portal

QUICK = RetryPolicy(
    attempts=4, first_wait_seconds=0.01, longest_wait_seconds=0.02, jitter_seconds=0.005
)


@pytest.fixture
def portal() -> Iterator[Portal]:
    with running_portal() as portal:
        yield portal


@pytest.fixture
def connect(portal: Portal) -> Iterator[Callable[..., SodaClient]]:
    """Makes clients of the portal that try again at once, and closes them."""
    clients: list[SodaClient] = []

    def connect(**arguments: Any) -> SodaClient:
        # A busy machine takes half a second for an answer now and then.
        timeouts = Timeouts(connect_seconds=5, read_seconds=1.5, answer_seconds=10)
        settings: dict[str, Any] = {"retry": QUICK, "timeouts": timeouts}
        clients.append(SodaClient(portal.url, **settings | arguments))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()
