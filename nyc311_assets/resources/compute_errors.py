"""Why a cluster did not come or did not stay, with what to do about it."""

from __future__ import annotations

from nyc311_assets.resources.remedies import Remedies, remedy_for

# Databricks' termination reasons (TerminationReasonCode of its SDK), as a run's message names them.
_REMEDIES: Remedies = (
    (
        (
            "aws_insufficient_instance_capacity_failure",
            "cloud_provider_resource_stockout",
            "spot_instance_termination",
            "aws_max_spot_instance_count_exceeded_failure",
            "insufficientinstancecapacity",
            "maxspotinstancecountexceeded",
        ),
        "AWS has none of these machines to give now, on its spot market or at all. Nothing of the "
        "step is half done: run it again in an hour, or set NYC311_COMPUTE=serverless. If it "
        "happens again, choose another NODE_TYPE (resources/compute.py) that the policy allows.",
    ),
    (
        (
            "aws_resource_quota_exceeded",
            "aws_insufficient_free_addresses_in_subnet_failure",
            "instance_pool_max_capacity_reached",
            "vcpulimitexceeded",
        ),
        "A limit is reached: raise the account's quota of vCPUs, the subnet's addresses or the pool's "
        "size (infrastructure/databricks/resources/compute.yml), or run less at one time.",
    ),
    (
        ("accessdeniedexception: s3", "amazons3exception: access denied"),
        "The cluster may not do that on S3: see that the storage credential's role has the external "
        "location (Terraform's storage_credential_role_arn, the bundle's lakehouse_url) and that "
        "the grants in infrastructure/databricks/resources/catalog.yml are there.",
    ),
)


def remedy_of(said: str) -> str | None:
    """What to do about a run's end, by its message or its job's traceback; None if that is not known."""
    return remedy_for(said, _REMEDIES)
