from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest

from nyc311_assets.jobs.protocol import (
    JobConfig,
    answer_message,
    check_message,
    partition_message,
    refusal_message,
)

CONFIG = JobConfig(
    partition_keys=["2026-03-10", "2026-03-11"],
    batch_id="b1",
    lakehouse_root="/lakehouse",
    lakehouse_is_catalog=False,
    volume_path="/volumes",
    soda_url="http://127.0.0.1:1",
    soda_parallel_requests=4,
)


def test_the_configuration_survives_its_way_to_the_job() -> None:
    arrived = JobConfig.from_extras(json.loads(json.dumps(CONFIG.as_extras())))
    assert arrived == CONFIG
    assert arrived.partitions == (date(2026, 3, 10), date(2026, 3, 11))


def test_a_job_of_another_version_says_so_and_what_to_do() -> None:
    extras = CONFIG.as_extras()
    extras["soda_address"] = extras.pop("soda_url")
    with pytest.raises(
        TypeError, match=r"not of one version \(missing: soda_url; unknown: soda_address\). Deploy"
    ):
        JobConfig.from_extras(extras)


def test_messages_name_their_partition_and_survive_json() -> None:
    message = partition_message(date(2026, 3, 10), {"rows": 3})
    assert json.loads(json.dumps(message)) == {
        "kind": "partition",
        "partition": "2026-03-10",
        "metadata": {"rows": 3},
    }
    check = check_message(
        date(2026, 3, 10),
        name="unique_keys",
        passed=False,
        severity="ERROR",
        blocks_run=True,
        figures={"rows": 2, "distinct_keys": 1},
    )
    assert json.loads(json.dumps(check)) == {
        "kind": "check",
        "partition": "2026-03-10",
        "name": "unique_keys",
        "passed": False,
        "severity": "ERROR",
        "blocks_run": True,
        "figures": {"rows": 2, "distinct_keys": 1},
    }


def test_a_job_on_whole_tables_gets_parameters_and_answers_or_refuses() -> None:
    config = replace(CONFIG, partition_keys=[], parameters={"table": "silver.requests", "limit": 5})
    arrived = JobConfig.from_extras(json.loads(json.dumps(config.as_extras())))
    assert (arrived.partitions, arrived.parameters["limit"]) == ((), 5)
    assert answer_message({"rows": 3}) == {"kind": "answer", "answer": {"rows": 3}}
    assert refusal_message("gone") == {"kind": "refusal", "reason": "gone"}
