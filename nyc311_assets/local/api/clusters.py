"""Clusters API 2.1: `clusters/get`."""

from __future__ import annotations

import os
from importlib.metadata import version
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from nyc311_assets.local.api.errors import invalid_parameter
from nyc311_assets.local.cluster import CLUSTER_ID, Cluster


class ClustersApi:
    """Serves the one cluster there is."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        return [
            Route(f"/api/{api}/clusters/get", self._get, methods=["GET"]) for api in ("2.0", "2.1")
        ]

    async def _get(self, request: Request) -> Response:
        cluster_id = request.query_params.get("cluster_id")
        if cluster_id != CLUSTER_ID:
            raise invalid_parameter(
                f"Cluster {cluster_id} does not exist; the embedded workspace has one, {CLUSTER_ID}."
            )
        body: dict[str, Any] = {
            "cluster_id": CLUSTER_ID,
            "cluster_name": "Embedded Spark",
            "state": self._cluster.state,
            "state_message": self._cluster.message,
            "spark_version": f"{version('pyspark')}-embedded",
            "num_workers": 0,
            "cluster_cores": float(os.cpu_count() or 1),
            "creator_user_name": "local",
        }
        if self._cluster.started_at is not None:
            body["start_time"] = int(self._cluster.started_at * 1000)
        return JSONResponse(body)
