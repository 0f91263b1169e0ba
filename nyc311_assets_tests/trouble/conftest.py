from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nyc311_assets.local.lifecycle import ensure_workspace
from nyc311_assets_tests.proxy import Proxy


@pytest.fixture
def proxy(workspace_home: Path) -> Iterator[Proxy]:
    """A proxy in front of the embedded workspace."""
    with Proxy(ensure_workspace(workspace_home).host).serving() as proxy:
        yield proxy
