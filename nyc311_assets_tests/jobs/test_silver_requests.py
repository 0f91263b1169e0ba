from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import pytest

from nyc311_assets.jobs.protocol import JobConfig
from nyc311_assets.jobs.session import Job
from nyc311_assets.jobs.silver_requests import masks_of
from nyc311_assets.pipeline.cities import NEW_YORK, City
from nyc311_assets.pipeline.masks import MasksError

SALT = "a long and secret salt"


@dataclass
class Asked:
    config: JobConfig
    city: City = field(default=NEW_YORK)


def job(masked_columns: dict[str, str]) -> Job:
    config = JobConfig(["2026-03-10"], "b", "/l", False, "/v", "http://s", 4, masked_columns)
    return cast("Job", Asked(config))


def test_a_job_masks_what_dagster_names_with_the_salt_that_its_cluster_has() -> None:
    masks = masks_of(job({"street_name": "hash", "landmark": "blank"}), SALT)
    assert (masks.columns, masks.salt) == ({"street_name": "hash", "landmark": "blank"}, SALT)
    assert masks_of(job({}), None).columns == {}


def test_without_the_salt_a_job_says_how_its_cluster_gets_it_instead_of_writing() -> None:
    with pytest.raises(MasksError, match=r"street_name.*secret nyc311/mask_salt; on an existing"):
        masks_of(job({"street_name": "hash"}), None)
    with pytest.raises(MasksError, match="unique_key cannot be masked"):
        masks_of(job({"unique_key": "hash"}), SALT)
