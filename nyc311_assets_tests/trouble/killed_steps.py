"""One layer's step in a process of its own, which kills itself with SIGKILL at a given write."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql.connect.client.core import SparkConnectClient

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.days import plan_pull
from nyc311_assets.pipeline.gold import aggregate
from nyc311_assets.pipeline.silver import refine
from nyc311_assets.pipeline.tables import Lakehouse
from nyc311_assets_tests.pipeline.road import pull


@dataclass(frozen=True)
class Step:
    """What a job of one layer does.

    Attributes:
        layer: bronze, silver or gold.
        lakehouse: Its folder.
        volume: A folder for cached answers and progress.
        url: The source.
        partition: The ingestion date.
    """

    layer: str
    lakehouse: str
    volume: str
    url: str
    partition: date

    def to_json(self) -> str:
        """The step as an argument for a process."""
        return json.dumps(asdict(self) | {"partition": self.partition.isoformat()})

    @classmethod
    def from_json(cls, text: str) -> Step:
        """The step that `to_json` wrote."""
        fields = json.loads(text)
        return cls(**fields | {"partition": date.fromisoformat(fields["partition"])})

    def run(self, spark: SparkSession) -> None:
        """Do the layer's work."""
        lakehouse = Lakehouse(self.lakehouse)
        if self.layer == "bronze":
            batch = f"batch of {self.partition}"
            pull(spark, lakehouse, Path(self.volume), self.url, [self.partition], batch)
        elif self.layer == "silver":
            refine(spark, lakehouse, NEW_YORK, ingestion_dates=[self.partition])
        else:
            days = tuple(plan_pull(NEW_YORK, [self.partition]))
            aggregate(spark, lakehouse, NEW_YORK, request_dates=days)


def run_and_die(step: Step, remote: str, command: int, seconds: float | None) -> None:
    """Run a step until a command (a write, or a statement in SQL) is due; then die of SIGKILL.

    Args:
        step: What to run.
        remote: Address of Spark.
        command: Which command, counted from 0.
        seconds: How long to let it run on Spark; None to die before it is sent.
    """
    spark = SparkSession.builder.remote(remote).getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    sent = SparkConnectClient._execute_and_fetch
    count = 0

    def counted(
        client: SparkConnectClient, request: Any, *args: Any, **kwargs: Any
    ) -> Iterator[Any]:
        nonlocal count
        if request.plan.HasField("command"):
            if count == command and seconds is None:
                os.kill(os.getpid(), signal.SIGKILL)
            elif count == command:
                timer = threading.Timer(seconds or 0, os.kill, (os.getpid(), signal.SIGKILL))
                timer.daemon = True
                timer.start()
            count += 1
        yield from sent(client, request, *args, **kwargs)

    SparkConnectClient._execute_and_fetch = counted  # type: ignore[method-assign, assignment]
    step.run(spark)
    # The step was over sooner: a kill after its last command.
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    run_and_die(
        Step.from_json(sys.argv[1]),
        sys.argv[2],
        int(sys.argv[3]),
        None if sys.argv[4] == "before" else float(sys.argv[4]),
    )
