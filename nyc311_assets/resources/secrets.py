"""Secrets from AWS Secrets Manager, for whoever is not handed them by ECS: a single box."""

from __future__ import annotations

import warnings
from collections.abc import MutableMapping
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
)
from dagster import BetaWarning

from nyc311_assets.resources.remedies import Remedies, remedy_for
from nyc311_assets.settings import SECRETS_PREFIX

# The environment variables that Terraform makes an entry for (modules/secrets).
NAMES = ("DATABRICKS_TOKEN", "NYC311_SODA_APP_TOKEN", "NYC311_MASK_SALT", "NYC311_ALERT_URLS")
_ATTEMPTS = 3


class SecretMissing(RuntimeError):
    """A secret could not be had."""


def bring_secrets(environment: MutableMapping[str, str]) -> list[str]:
    """Set the secrets that the environment lacks, from the entries below NYC311_SECRETS_PREFIX.

    What is set already stays. Without the prefix nothing is asked for. Only
    secretsmanager:GetSecretValue is needed.

    Args:
        environment: `os.environ`.

    Returns:
        Names of what was set.

    Raises:
        SecretMissing: Secrets Manager does not answer, refuses, or an entry has no value.
    """
    prefix = environment.get(SECRETS_PREFIX)
    wanted = [name for name in NAMES if not environment.get(name)]
    if not prefix or not wanted:
        return []
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    where = f"Secrets Manager in {region}"
    try:
        client = _client(region)
        for name in wanted:
            where = f"Secrets Manager in {region}, asked for {prefix}{name}"
            environment[name] = client.get_secret_value(SecretId=f"{prefix}{name}")["SecretString"]
    except NoRegionError as error:
        raise SecretMissing(
            f"{SECRETS_PREFIX} is {prefix} and no region is set: set AWS_REGION to the secrets'."
        ) from error
    except NoCredentialsError as error:
        raise SecretMissing(
            f"{where}: there is nothing to sign in to AWS with. On a box, give it the instance "
            "profile of Dagster's role; on a laptop, set AWS_PROFILE."
        ) from error
    except EndpointConnectionError as error:
        raise SecretMissing(
            f"{where}: nobody answers. Is AWS_REGION a region, and is there a way to it?"
        ) from error
    except ClientError as error:
        # The error's code is part of what it says.
        said = str(error)
        remedy = remedy_for(said, _remedies(f"{prefix}{name}"))
        raise SecretMissing(f"{where}: {remedy or said}") from error
    except (BotoCoreError, ValueError) as error:
        raise SecretMissing(f"{where}: {error}. Look at AWS_REGION and AWS_PROFILE.") from error
    return wanted


def _client(region: str | None) -> Any:
    # The better part of a second, which nobody without the prefix is to wait for.
    from dagster_aws.secretsmanager import SecretsManagerResource  # noqa: PLC0415

    with warnings.catch_warnings():
        # It has been beta for years, and says so each time.
        warnings.simplefilter("ignore", BetaWarning)
        return SecretsManagerResource(region_name=region, max_attempts=_ATTEMPTS).get_client()


def _remedies(entry: str) -> Remedies:
    return (
        (
            ("resourcenotfoundexception",),
            "there is no such entry, or it has no value yet. Terraform makes the entries "
            f"({SECRETS_PREFIX} is what stands before their names); set it by: aws secretsmanager "
            f"put-secret-value --secret-id {entry} --secret-string VALUE",
        ),
        (
            ("accessdenied", "decryptionfailure"),
            "not permitted. Who runs this needs secretsmanager:GetSecretValue on it and kms:Decrypt "
            "on its key, as Dagster's role has (infrastructure/terraform/modules/identity).",
        ),
        (
            ("unrecognizedclient", "invalidclienttokenid", "expiredtoken", "invalidsignature"),
            "AWS does not know who is calling: AWS_PROFILE, or the keys in AWS_*, are not valid.",
        ),
    )
