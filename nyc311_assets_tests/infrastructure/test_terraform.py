"""The Terraform of one environment: well-formed, and granting nothing over everything."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "infrastructure" / "terraform"
# Where machines without a network keep providers: a folder named here, or one below /opt.
MIRROR = "NYC311_TF_PLUGINS"
WITHOUT_RESOURCE = {
    "cloudwatch:PutMetricData",
    "ec2:DescribeNetworkInterfaces",
    "ecr:GetAuthorizationToken",
    "ecs:DescribeTaskDefinition",
    "ecs:RegisterTaskDefinition",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
}


@pytest.fixture(scope="module")
def terraform() -> str:
    found = shutil.which("terraform")
    if found is None:
        pytest.skip("terraform is not installed")
    return found


def _mirror() -> Path:
    named = os.environ.get(MIRROR)
    found = [Path(named)] if named else [each.parent for each in Path("/opt").glob("*/registry.*")]
    if not found:
        pytest.skip(f"no mirror of Terraform's providers; name its folder in {MIRROR}")
    return found[0]


def _run(command: list[str], folder: Path, settings: Path | None = None) -> str:
    environment = dict(os.environ)
    if settings is not None:
        environment["TF_CLI_CONFIG_FILE"] = str(settings)
    ended = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_it_is_formatted(terraform: str) -> None:
    _run([terraform, "fmt", "-check", "-recursive"], ROOT)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Terraform's settings: providers come from the mirror."""
    path = tmp_path_factory.mktemp("settings") / "terraformrc"
    path.write_text(
        f'provider_installation {{\n  filesystem_mirror {{\n    path = "{_mirror()}"\n  }}\n}}\n',
        encoding="utf-8",
    )
    return path


@pytest.fixture(scope="module")
def copy(terraform: str, settings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the folder, whose root is initialised."""
    folder = tmp_path_factory.mktemp("copy") / "terraform"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".terraform*"))
    for part in (folder, folder / "bootstrap"):
        _run([terraform, "init", "-backend=false", "-input=false", "-no-color"], part, settings)
    return folder


@pytest.mark.parametrize("part", [".", "bootstrap"])
def test_it_is_valid_for_the_provider(
    terraform: str, settings: Path, copy: Path, part: str
) -> None:
    said = _run([terraform, "validate", "-no-color"], copy / part, settings)
    assert "The configuration is valid" in said


def test_its_own_tests_pass(terraform: str, settings: Path, copy: Path) -> None:
    said = _run([terraform, "test", "-no-color"], copy, settings)
    assert re.search(r"Success! \d+ passed, 0 failed", said), said


def test_only_what_aws_gives_no_resource_for_is_allowed_on_everything() -> None:
    allowed: set[str] = set()
    for path in ROOT.rglob("*.tf"):
        text = path.read_text("utf-8")
        for actions in re.findall(r"Action\s*=\s*\[([^\]]*)\]\s*Resource\s*=\s*\[\"\*\"\]", text):
            allowed |= set(re.findall(r'"([^"]+)"', actions))
    assert allowed == WITHOUT_RESOURCE


def test_no_statement_allows_every_action_of_a_service() -> None:
    """Keys have a policy of their own, whose account must stay its master."""
    for path in ROOT.rglob("*.tf"):
        if path.parent.name == "encryption":
            continue
        text = re.sub(r"(?m)^\s*#.*$", "", path.read_text("utf-8"))
        for block in re.findall(r'Effect\s*=\s*"Allow"(.*?)Resource', text, flags=re.DOTALL):
            actions = block[block.find("Action") :]
            assert not re.search(r'"(\w+:)?\*"', actions), f"{path}: {block}"


@pytest.mark.parametrize(
    "framework, folder", [("terraform", "terraform"), ("dockerfile", "docker")]
)
def test_checkov_finds_nothing_that_is_not_explained(framework: str, folder: str) -> None:
    own = Path(sys.prefix) / "checkov" / "bin"
    checkov = shutil.which("checkov", path=str(own)) or shutil.which("checkov")
    if checkov is None:
        pytest.skip("checkov is not installed: make checkers")
    command = [checkov, "--directory", folder, "--framework", framework, "--output", "json"]
    found = json.loads(_run(command, ROOT.parent))
    assert found["summary"]["failed"] == 0
    assert found["summary"]["passed"] > 50


def test_each_check_that_is_skipped_is_explained_beside_the_resource() -> None:
    for path in [*ROOT.rglob("*.tf"), ROOT.parent / "docker" / "Dockerfile"]:
        for line in path.read_text("utf-8").splitlines():
            if "checkov:skip" in line:
                reason = line.split("checkov:skip=")[1].split(":", 1)[1]
                assert len(reason.split()) >= 5, f"{path}: {line}"
