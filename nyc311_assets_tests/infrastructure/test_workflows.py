from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = ROOT / ".github" / "workflows"


def _read(name: str) -> dict[object, object]:
    read: dict[object, object] = yaml.safe_load((WORKFLOWS / name).read_text(encoding="utf-8"))
    return read


def test_actionlint_finds_nothing() -> None:
    own = Path(sys.prefix) / "bin"
    actionlint = shutil.which("actionlint", path=str(own)) or shutil.which("actionlint")
    if actionlint is None:
        pytest.skip("actionlint is not installed: make checkers")
    ended = subprocess.run(
        [actionlint, *map(str, WORKFLOWS.glob("*.yml"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout


def test_what_they_run_in_the_repository_is_there() -> None:
    text = "".join(path.read_text("utf-8") for path in WORKFLOWS.glob("*.yml"))
    for path in (
        ".ci/run",
        "constraints.txt",
        "infrastructure/databricks",
        "infrastructure/docker/Dockerfile",
        "infrastructure/docker/compose.yaml",
        "infrastructure/rollout.py",
        "infrastructure/terraform",
    ):
        assert path in text
        assert (ROOT / path).exists()


def test_a_deployment_waits_for_its_environments_approval_and_holds_no_key_of_aws() -> None:
    deploy = _read("deploy.yml")
    [job] = deploy["jobs"].values()  # type: ignore[attr-defined]
    assert job["environment"] == "${{ inputs.target || 'dev' }}"
    assert deploy["permissions"] == {"contents": "read", "id-token": "write"}
    assert "AWS_SECRET_ACCESS_KEY" not in str(deploy)


def test_a_pull_request_says_what_it_costs() -> None:
    template = (ROOT / ".github" / "pull_request_template.md").read_text(encoding="utf-8")
    assert "nyc311 cost --what-if" in template
