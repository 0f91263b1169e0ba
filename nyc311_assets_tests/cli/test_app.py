from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nyc311_assets.cli import app

COMMANDS = (
    "setup",
    "demo",
    "doctor",
    "feed",
    "local",
    "local status",
    "local stop",
    "local dagster-home",
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NYC311_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def invoke(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, re.sub(r"\s+", " ", result.output)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    code, output = invoke(*command.split(), "--help")
    assert code == 0
    assert "Usage:" in output


@pytest.mark.parametrize(
    "arguments",
    [("nonsense",), ("demo", "--days", "0"), ("demo", "--days", "many"), ("feed", "--port", "x")],
)
def test_wrong_use_exits_with_2(arguments: tuple[str, ...]) -> None:
    assert invoke(*arguments)[0] == 2


def test_rows_that_are_not_there_are_wrong_use(tmp_path: Path) -> None:
    code, output = invoke("demo", "--rows", str(tmp_path / "missing.csv"))
    assert code == 2
    assert "missing.csv is not there" in output


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("NYC311_COMPUTE", "abacus", "NYC311_COMPUTE: Input should be 'job_cluster'"),
        ("NYC311_MASKED_COLUMNS", "agency=hash", "NYC311_MASKED_COLUMNS: agency cannot be masked"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_and_wrong_use(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    code, output = invoke("tables")
    assert code == 2
    assert said in output
    assert "Traceback" not in output


def test_without_a_workspace_status_and_stop_say_so(home: Path) -> None:
    assert invoke("local", "status") == (
        0,
        f"No embedded workspace is running for {home}. A run starts one. ",
    )
    assert invoke("local", "stop")[0] == 0


def test_java_that_is_missing_is_named_with_its_install_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    code, output = invoke("setup")
    assert code == 1
    assert "Java 17" in output
    assert "install" in output
    doctor_code, finding = invoke("doctor")
    assert doctor_code == 1
    assert "✗ Java" in finding


def test_doctor_is_content_with_this_machine() -> None:
    code, output = invoke("doctor")
    assert code == 0, output
    assert "✓ Java" in output
    assert "✓ Delta's jars" in output


def test_dagsters_home_is_made_once_and_left_alone(home: Path) -> None:
    code, output = invoke("local", "dagster-home")
    assert (code, output.strip()) == (0, str(home / "dagster"))
    instance_file = home / "dagster" / "dagster.yaml"
    assert "telemetry" in instance_file.read_text("utf-8")
    instance_file.write_text("# mine\n", "utf-8")
    invoke("local", "dagster-home")
    assert instance_file.read_text("utf-8") == "# mine\n"
