"""What can go wrong between this machine and the tables' storage, each with its remedy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from deltalake.exceptions import CommitFailedError, DeltaError

from nyc311_assets.resources.remedies import Remedies, remedy_for

# What delta-rs, S3 and the file system say, and what to do about it.
_REMEDIES: Remedies = (
    (
        ("accessdenied", "403 forbidden", "lacked the necessary privileges", "permission denied"),
        "it is not permitted. On S3 reading takes s3:GetObject and s3:ListBucket, writing "
        "s3:PutObject, as the roles in infrastructure/terraform/modules/identity have; whose rights "
        "count is decided by AWS_PROFILE, AWS_*, or the machine's role",
    ),
    (
        ("nosuchbucket",),
        "there is no such bucket: NYC311_LAKEHOUSE_URL is Terraform's output lakehouse_url",
    ),
    (
        ("permanentredirect", "301 moved", "authorizationheadermalformed", "missing region"),
        "the bucket is in another region, or AWS_REGION is not one: set AWS_REGION to the bucket's",
    ),
    (
        ("dns error", "error sending request", "connection refused", "timed out"),
        "nobody answers: look at the network, AWS_REGION and AWS_ENDPOINT_URL",
    ),
    (
        ("credential", "169.254", "expiredtoken", "invalidtoken"),
        "there is nothing to sign in with: set AWS_PROFILE, AWS_*, or give the machine a role",
    ),
)


class StorageRefused(RuntimeError):
    """The tables' storage did not do what it was asked."""


@contextmanager
def storage_calls(url: str) -> Iterator[None]:
    """Name what delta-rs raises in the block.

    Args:
        url: The table's place.

    Raises:
        StorageRefused: It could not be read or written. A commit that came too late is passed on.
    """
    try:
        yield
    except CommitFailedError:
        raise
    except (OSError, DeltaError) as error:
        raise StorageRefused(f"{url} cannot be read or written: {explained(error)}.") from error


def explained(error: Exception) -> str:
    """What an exception of delta-rs means, and what to do; its first line if that is not known."""
    said = str(error).strip() or type(error).__name__
    return remedy_for(said, _REMEDIES) or said.splitlines()[0]
