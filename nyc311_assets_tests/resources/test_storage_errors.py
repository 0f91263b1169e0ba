from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
from deltalake.exceptions import CommitFailedError, DeltaError

from nyc311_assets.dashboard.queries.lakehouse import Lakehouse, TableUnreadable
from nyc311_assets.resources.ledger import Ledger
from nyc311_assets.resources.ledger_rows import Alert
from nyc311_assets.resources.run_log import RunLog
from nyc311_assets.resources.storage_errors import StorageRefused, explained, storage_calls
from nyc311_assets_tests.infrastructure.servers import aws_server, judge_rights_after, use_aws

URL = "s3://lakehouse"
NOW = datetime(2026, 3, 11, 16, tzinfo=UTC)
ALERT = Alert("a1", "opened", "e1", "info", "title", "body", {"kind": "opened"}, NOW)


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with aws_server(tmp_path_factory.mktemp("aws") / "moto.log") as url:
        yield url


@pytest.fixture
def denied(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A ledger in a bucket, and a caller whom AWS knows and permits nothing."""
    use_aws(monkeypatch, aws)
    boto3.client("s3").create_bucket(Bucket="lakehouse")
    Ledger(URL).transact(lambda _: [ALERT])
    iam = boto3.client("iam")
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    judge_rights_after(aws, 0)
    with monkeypatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        patch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
        yield
    judge_rights_after(aws, 10**9)
    assert [each.alert_id for each in Ledger(URL).read()] == ["a1"], "something was lost"


def test_s3_permits_nothing(denied: None, tmp_path: Path) -> None:
    del denied
    ledger = Ledger(URL)
    for call in (
        ledger.read,
        ledger.compact,
        lambda: ledger.transact(lambda _: [ALERT]),
        RunLog(URL).runs,
    ):
        with pytest.raises(StorageRefused, match=rf"{URL}/ops/\w+ .*s3:GetObject.*AWS_PROFILE"):
            call()
    with pytest.raises(TableUnreadable, match="s3:GetObject"):
        Lakehouse(URL).version("ops.alerts")
    program = str(Path(sys.executable).parent / "nyc311")
    for command in (["alert", "list"], ["alert", "ack", "a1", "--by", "Ada"], ["cost"], ["kpis"]):
        ended = subprocess.run(
            [program, *command],
            env={**os.environ, "NYC311_LAKEHOUSE_URL": URL, "NYC311_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 1
        assert ended.stderr.startswith("Error: ")
        assert "s3:GetObject" in ended.stderr
        assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("404 Not Found <Code>NoSuchBucket</Code>", "lakehouse_url"),
        ("301 Moved Permanently", "AWS_REGION to the bucket's"),
        ("error sending request: dns error", "look at the network"),
        ("the credential provider was not enabled", "AWS_PROFILE"),
        ("Something else\nin two lines", "Something else"),
    ],
)
def test_each_has_its_remedy(said: str, remedy: str) -> None:
    assert remedy in explained(DeltaError(said))


def test_a_commit_that_came_too_late_is_tried_again_by_who_knows_how() -> None:
    with pytest.raises(CommitFailedError), storage_calls(URL):
        raise CommitFailedError("conflict")
