"""Two ways from the SODA API into Delta."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import httpx
import pandas as pd
from deltalake import write_deltalake
from pyspark.sql import SparkSession

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.soda.client import SodaClient
from nyc311_assets.pipeline.soda.source import SodaDataSource, soda_options

_PAGE = 50_000


def fetch_with_spark(remote: str, url: str, days: Sequence[date], folder: Path) -> None:
    """The project's way: parallel request days, keyset pages, every page verified."""
    spark = SparkSession.builder.remote(remote).create()
    dataset_id = NEW_YORK.datasets[-1].dataset_id
    with SodaClient(url) as client:
        versions = {dataset_id: client.dataset_version(dataset_id)}
    spark.dataSource.register(SodaDataSource)
    options = soda_options(NEW_YORK, url=url, request_dates=days, versions=versions)
    frame = spark.read.format("soda").options(**options).load()
    frame.write.format("delta").save(str(folder))
    spark.stop()


def fetch_plainly(url: str, days: Sequence[date], folder: Path) -> None:
    """What a script does: one page after the other, by offset, through pandas."""
    dataset_id = NEW_YORK.datasets[-1].dataset_id
    with httpx.Client(timeout=60) as client:
        for day in days:
            pages: list[pd.DataFrame] = []
            while not pages or len(pages[-1]) == _PAGE:
                answer = client.get(
                    f"{url}/resource/{dataset_id}.json",
                    params={
                        "$where": f"created_date >= '{day}' AND created_date < '{day + timedelta(1)}'",
                        "$order": "created_date,:id",
                        "$limit": str(_PAGE),
                        "$offset": str(_PAGE * len(pages)),
                    },
                )
                pages.append(pd.DataFrame(answer.raise_for_status().json()))
            frame = pd.concat(pages).astype("string")
            write_deltalake(str(folder), frame, mode="append", schema_mode="merge")
