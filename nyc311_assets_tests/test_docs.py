"""Every command in README and docs is run, and every link in them leads somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from nyc311_assets.cli.demo import ASSETS
from nyc311_assets.cli.table_docs import table_docs
from nyc311_assets.local.lifecycle import stop_workspace
from nyc311_assets.pipeline.checks import GOLD_CHECKS, RAW_CHECKS, SILVER_CHECKS
from nyc311_assets.pipeline.checks.anomalies import ANOMALY_CHECKS
from nyc311_assets.pipeline.checks.forecasts import FORECAST_CHECKS
from nyc311_assets.pipeline.checks.models import MODEL_CHECKS
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.settings import SECRETS_PREFIX, Settings
from nyc311_assets_tests.infrastructure.servers import free_port

REPOSITORY = Path(__file__).parent.parent
DOCUMENTS = sorted([REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md")])
BIN = Path(sys.executable).parent

# These run the whole project or never end: what they stand for is tested on its own.
EXPANDED_ONLY = {"make test", "make demo", "make dev", "make dashboard", "make screenshots"}

ALL_CHECKS = (
    *RAW_CHECKS,
    *SILVER_CHECKS,
    *GOLD_CHECKS,
    *MODEL_CHECKS,
    *FORECAST_CHECKS,
    *ANOMALY_CHECKS,
)


def commands() -> list[str]:
    blocks = (
        block
        for document in DOCUMENTS
        for block in re.findall(r"^```bash\n(.*?)^```", document.read_text("utf-8"), re.M | re.S)
    )
    return sorted({line.strip() for block in blocks for line in block.splitlines() if line.strip()})


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A home of the documents' own; a workspace that a command started is stopped afterwards."""
    home = tmp_path_factory.mktemp("home")
    yield {
        **os.environ,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "NYC311_HOME": str(home),
    }
    stop_workspace(home)


@pytest.mark.parametrize("command", commands())
def test_the_command_works_as_written(command: str, environment: dict[str, str]) -> None:
    written = command.split()
    if command in EXPANDED_ONLY:
        written = ["make", "--dry-run", *written[1:]]
    result = subprocess.run(
        written, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_documents_name_the_commands_that_people_need() -> None:
    assert {"make demo", "make test", "make dev"} <= set(commands())


def links() -> Iterator[tuple[str, str]]:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#]+)\)", document.read_text("utf-8")):
            if "://" not in target:
                yield document.name, str((document.parent / target).resolve())


@pytest.mark.parametrize(("document", "target"), list(links()))
def test_a_link_leads_to_a_file(document: str, target: str) -> None:
    assert Path(target).exists(), f"{document} links to {target}"


def test_every_setting_is_in_the_example_file() -> None:
    example = (REPOSITORY / ".env.example").read_text("utf-8")
    named = set(re.findall(r"^# ?((?:NYC311|MLFLOW)_[A-Z_]+)=", example, re.M))
    known = {
        str(field.validation_alias or f"NYC311_{name.upper()}")
        for name, field in Settings.model_fields.items()
    }
    assert named == known | {SECRETS_PREFIX}


def test_the_page_of_tables_is_what_the_contracts_say_now() -> None:
    page = (REPOSITORY / "docs" / "tables.md").read_text("utf-8")
    assert page == table_docs(NEW_YORK), "run: nyc311 tables --docs > docs/tables.md"


def test_the_runbook_knows_every_check() -> None:
    runbook = (REPOSITORY / "docs" / "runbook.md").read_text("utf-8")
    for check in ALL_CHECKS:
        assert f"| `{check.name}` | {check.severity} |" in runbook


@pytest.mark.long
def test_dagster_dev_shows_the_assets_in_the_home(
    environment: dict[str, str], tmp_path: Path
) -> None:
    home = subprocess.run(
        [BIN / "nyc311", "local", "dagster-home"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    port = free_port()
    log = tmp_path / "dagster.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [BIN / "dagster", "dev", "--port", str(port)],
            cwd=REPOSITORY,
            env={**environment, "DAGSTER_HOME": home},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            assets = _assets_of(f"http://127.0.0.1:{port}/graphql", process)
        finally:
            _stop(psutil.Process(process.pid))
            process.wait(timeout=10)
    assert assets == set(ASSETS), log.read_text("utf-8")


def _stop(process: psutil.Process) -> None:
    family = [process, *process.children(recursive=True)]
    process.terminate()
    _, alive = psutil.wait_procs(family, timeout=20)
    for each in alive:
        each.kill()
    psutil.wait_procs(alive, timeout=10)


def _assets_of(url: str, process: subprocess.Popen[bytes]) -> set[str]:
    query = "{ assetNodes { assetKey { path } } }"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            answer = httpx.post(url, json={"query": query}, timeout=10).json()
            assets = {node["assetKey"]["path"][-1] for node in answer["data"]["assetNodes"]}
        except (httpx.HTTPError, KeyError, TypeError, ValueError):
            assets = set()
        if assets:
            return assets
        time.sleep(0.5)
    return set()
