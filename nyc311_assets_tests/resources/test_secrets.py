from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from nyc311_assets.resources.secrets import NAMES, SecretMissing, bring_secrets
from nyc311_assets_tests.infrastructure.servers import (
    AWS,
    aws_server,
    judge_rights_after,
    use_aws,
)

PREFIX = "nyc311-dev/"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with aws_server(tmp_path_factory.mktemp("aws") / "moto.log") as url:
        with pytest.MonkeyPatch.context() as patch:
            use_aws(patch, url)
            client = boto3.client("secretsmanager")
        for name in NAMES:
            client.create_secret(Name=f"{PREFIX}{name}", SecretString=f"value of {name}")
        # As Terraform leaves it.
        client.create_secret(Name="empty/DATABRICKS_TOKEN")
        yield url


@pytest.fixture
def environment(aws: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What a process on the box sees."""
    use_aws(monkeypatch, aws)
    monkeypatch.setenv("NYC311_SECRETS_PREFIX", PREFIX)
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    return {**AWS, "AWS_ENDPOINT_URL": aws, "NYC311_SECRETS_PREFIX": PREFIX}


def test_what_is_not_set_comes_from_secrets_manager(environment: dict[str, str]) -> None:
    environment["NYC311_MASK_SALT"] = "mine"
    assert set(bring_secrets(environment)) == set(NAMES) - {"NYC311_MASK_SALT"}
    assert environment["DATABRICKS_TOKEN"] == "value of DATABRICKS_TOKEN"
    assert environment["NYC311_MASK_SALT"] == "mine"


def test_nothing_is_asked_for_without_the_prefix(environment: dict[str, str]) -> None:
    del environment["NYC311_SECRETS_PREFIX"]
    assert bring_secrets(environment) == []
    assert "DATABRICKS_TOKEN" not in environment


@pytest.mark.parametrize("prefix", ["empty/", "another/"])
def test_an_entry_without_a_value_is_named_with_the_command_that_sets_it(
    environment: dict[str, str], prefix: str
) -> None:
    environment["NYC311_SECRETS_PREFIX"] = prefix
    with pytest.raises(SecretMissing, match=f"put-secret-value --secret-id {prefix}DATABRICKS"):
        bring_secrets(environment)


def test_no_region_and_one_that_is_none(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    with pytest.raises(SecretMissing, match=r"in mars-north-1.*Is AWS_REGION a region"):
        bring_secrets({**environment, "AWS_REGION": "mars-north-1"})
    with pytest.raises(SecretMissing, match=r"not a region.*AWS_REGION"):
        bring_secrets({**environment, "AWS_REGION": "not a region"})
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
        del environment[name]
    with pytest.raises(SecretMissing, match="set AWS_REGION"):
        bring_secrets(environment)


def test_who_may_not_read_them_is_told_the_rights(
    environment: dict[str, str], aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = boto3.client("iam").create_access_key(
        UserName=boto3.client("iam").create_user(UserName="nobody")["User"]["UserName"]
    )["AccessKey"]
    judge_rights_after(aws, 0)
    try:
        with pytest.raises(SecretMissing, match="AWS does not know who is calling"):
            bring_secrets(dict(environment))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys["AccessKeyId"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys["SecretAccessKey"])
        with pytest.raises(SecretMissing, match=r"GetSecretValue on it and kms:Decrypt"):
            bring_secrets(dict(environment))
    finally:
        judge_rights_after(aws, 10**9)


def test_the_command_line_and_the_code_server_say_the_same(
    environment: dict[str, str], tmp_path: Path
) -> None:
    given = {**os.environ, **environment, "NYC311_SECRETS_PREFIX": "another/"}
    programs = Path(sys.executable).parent
    for command in (
        [str(programs / "nyc311"), "alert", "list"],
        [sys.executable, "-c", "import nyc311_assets.definitions"],
    ):
        ended = subprocess.run(
            command, env=given, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 1
        assert "--secret-id another/DATABRICKS_TOKEN" in ended.stderr
