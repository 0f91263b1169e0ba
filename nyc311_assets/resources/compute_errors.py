"""Why a cluster did not come or did not stay, with what to do about it."""

from __future__ import annotations

# Databricks' termination reasons (TerminationReasonCode of its SDK), as a run's message names them.
_REMEDIES = (
    (
        (
            "AWS_INSUFFICIENT_INSTANCE_CAPACITY_FAILURE",
            "CLOUD_PROVIDER_RESOURCE_STOCKOUT",
            "SPOT_INSTANCE_TERMINATION",
            "AWS_MAX_SPOT_INSTANCE_COUNT_EXCEEDED_FAILURE",
            "INSUFFICIENTINSTANCECAPACITY",
            "MAXSPOTINSTANCECOUNTEXCEEDED",
        ),
        "AWS has none of these machines to give now, on its spot market or at all. Nothing of the "
        "step is half done: run it again in an hour, or set NYC311_COMPUTE=serverless. If it "
        "happens again, choose another NODE_TYPE (resources/compute.py) that the policy allows.",
    ),
    (
        (
            "AWS_RESOURCE_QUOTA_EXCEEDED",
            "AWS_INSUFFICIENT_FREE_ADDRESSES_IN_SUBNET_FAILURE",
            "INSTANCE_POOL_MAX_CAPACITY_REACHED",
            "VCPULIMITEXCEEDED",
        ),
        "A limit is reached: raise the account's quota of vCPUs, the subnet's addresses or the pool's "
        "size (infrastructure/databricks/resources/compute.yml), or run less at one time.",
    ),
    (
        ("ACCESSDENIEDEXCEPTION: S3", "AMAZONS3EXCEPTION: ACCESS DENIED"),
        "The cluster may not do that on S3: see that the storage credential's role has the external "
        "location (Terraform's storage_credential_role_arn, the bundle's lakehouse_url) and that "
        "the grants in infrastructure/databricks/resources/catalog.yml are there.",
    ),
)


def remedy_of(said: str) -> str | None:
    """What to do about a run's end, by its message or its job's traceback; None if that is not known."""
    said = said.upper()
    for signs, remedy in _REMEDIES:
        if any(sign in said for sign in signs):
            return remedy
    return None
