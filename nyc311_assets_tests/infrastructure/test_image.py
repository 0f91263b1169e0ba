"""The one image: what it is built from, and that it holds whatever the services are told to run."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import yaml
from dockerfile_parse import DockerfileParser

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "infrastructure" / "docker"
DAGSTER = ROOT / "infrastructure" / "dagster"
TASKS = (ROOT / "infrastructure/terraform/modules/services/tasks.tf").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
PROGRAMS = {"dagster", "dagster-daemon", "dagster-webserver", "nyc311"}


def _instructions() -> list[tuple[str, str]]:
    parser = DockerfileParser(path=str(DOCKER / "Dockerfile"))
    return [(each["instruction"], each["value"]) for each in parser.structure]


def _copied() -> list[str]:
    """What is copied from the repository."""
    copies = [shlex.split(value) for name, value in _instructions() if name == "COPY"]
    return [part for parts in copies if "--from=build" not in parts for part in parts[:-1]]


def _ecs_commands() -> dict[str, list[str]]:
    names = re.findall(r"^    (\w+) = (?:merge\(local\.dagster, )?\{$", TASKS, re.M)
    commands = re.findall(r"^ +command += (\[.*\])$", TASKS, re.M)
    return dict(zip(names, map(yaml.safe_load, commands), strict=True))


def test_it_copies_what_is_there_and_what_docker_is_let_see() -> None:
    seen = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    assert set(_copied()) == seen
    assert all((ROOT / part).exists() for part in seen)


def test_it_installs_the_pinned_packages_that_dagster_and_the_dashboard_need() -> None:
    [install] = [value for name, value in _instructions() if name == "RUN" and "pip" in value]
    assert "--constraint constraints.txt" in install
    extras = re.search(r"'\.\[(.*?)\]'", install)
    assert extras is not None
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(extras[1].split(",")) == set(project["optional-dependencies"]) - {"dev"}


def test_nothing_runs_as_root_and_nothing_secret_is_in_it() -> None:
    instructions = _instructions()
    assert [value for name, value in instructions if name == "USER"] == ["nyc311"]
    assert instructions[-1][0] == "CMD"
    text = " ".join(value for name, value in instructions if name in {"ENV", "ARG"})
    assert not re.search(r"PASSWORD|TOKEN|SECRET|SALT|KEY", text)


def test_every_service_runs_a_program_that_the_image_has() -> None:
    box = {
        name: service["command"]
        for name, service in COMPOSE["services"].items()
        if name != "postgres"
    }
    ecs = _ecs_commands()
    assert set(ecs) == {*box, "run"}
    for commands in (box, ecs):
        assert {command[0] for command in commands.values()} <= PROGRAMS
        for command in commands.values():
            if "--workspace" in command:
                assert (DAGSTER / command[command.index("--workspace") + 1]).is_file()


def test_people_reach_the_box_by_a_forwarded_port_alone() -> None:
    for name, service in COMPOSE["services"].items():
        assert service["network_mode"] == "host"
        assert "ports" not in service
        assert "0.0.0.0" not in str(service), name  # noqa: S104 - that it is not there


def test_the_containers_of_the_box_can_do_little() -> None:
    for name, service in COMPOSE["services"].items():
        if name == "postgres":
            continue
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def _asked_for(value: Any) -> set[str]:
    """The environment variables that a configuration reads."""
    if isinstance(value, dict):
        named = {value["env"]} if set(value) == {"env"} else set()
        return named.union(*(_asked_for(each) for each in value.values()))
    return set()


def test_whatever_dagsters_files_read_is_set_where_they_are_used() -> None:
    on_ecs = set(re.findall(r"\b(DAGSTER_\w+|AWS_REGION)\b", TASKS))
    on_the_box = set(COMPOSE["x-dagster"]["environment"])
    for name, given in (("ecs", on_ecs), ("box", on_the_box)):
        instance = yaml.safe_load((DAGSTER / name / "dagster.yaml").read_text(encoding="utf-8"))
        assert _asked_for(instance)
        assert _asked_for(instance) <= given
        workspace = yaml.safe_load((DAGSTER / "workspace.yaml").read_text(encoding="utf-8"))
        [server] = [each["grpc_server"] for each in workspace["load_from"]]
        assert _asked_for(server) <= given
