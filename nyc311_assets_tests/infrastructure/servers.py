"""Postgres and AWS (moto's server) on this machine, for the tests of what runs in production."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

AWS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
}
# Linux hands out 32768 and above, macOS and Windows 49152 and above.
BELOW_EPHEMERAL = range(20_000, 32_768)


def free_port() -> int:
    """A port for a server that starts later and cannot be told to take any.

    Not one that the kernel hands out: until the server listens, some seconds from now, any
    connection that another test opens could get it for its own end.
    """
    for port in random.sample(BELOW_EPHEMERAL, 100):
        with socket.socket() as unused:
            try:
                unused.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"100 ports of {BELOW_EPHEMERAL} are in use: end what listens there")


def wait_for_port(port: int, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, f"{process.args!r} ended with {process.returncode}"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(f"{process.args!r} does not listen on {port} after {seconds} s")


@contextlib.contextmanager
def aws_server(log: Path) -> Iterator[str]:
    port = free_port()
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=output,
            stderr=output,
        )
    try:
        wait_for_port(port, server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=30)


def use_aws(patch: pytest.MonkeyPatch, url: str) -> None:
    """Let everything here and in processes started from here go to a server."""
    for name, value in {**AWS, "AWS_ENDPOINT_URL": url, "AWS_ALLOW_HTTP": "true"}.items():
        patch.setenv(name, value)


def judge_rights_after(url: str, requests: int) -> None:
    """Let moto look at who may do what after so many more requests."""
    httpx.post(f"{url}/moto-api/reset-auth", content=str(requests)).raise_for_status()


def make_cluster(names: Iterable[str], **container: object) -> dict[str, Any]:
    """Make ECS' cluster nyc311-dev and a task definition for each name, as Terraform does.

    Args:
        names: Of the definitions, without the environment.
        container: What each one's container has beside its name and size.

    Returns:
        The network for tasks and services.
    """
    ecs, ec2 = boto3.client("ecs"), boto3.client("ec2")
    ecs.create_cluster(clusterName="nyc311-dev")
    for name in names:
        ecs.register_task_definition(
            family=f"nyc311-dev-{name}",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="1024",
            taskRoleArn="arn:aws:iam::123456789012:role/nyc311-dev-dagster",
            containerDefinitions=[{"name": name, "cpu": 256, "memory": 1024, **container}],
        )
    return {
        "awsvpcConfiguration": {
            "subnets": [ec2.describe_subnets()["Subnets"][0]["SubnetId"]],
            "securityGroups": [ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]],
        }
    }


def postgres_programs() -> Path:
    """The folder of initdb and postgres, or a skipped test."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "postgres").exists():
            return folder
    pytest.skip("Postgres is not installed (Debian: apt-get install postgresql)")


@contextlib.contextmanager
def postgres_server(folder: Path, password: str) -> Iterator[int]:
    """Yield the port of a Postgres whose user dagster has a database of the same name."""
    programs = postgres_programs()
    # Postgres does not run as root.
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    folder.mkdir(parents=True)
    secret = folder / "password"
    secret.write_text(password, encoding="utf-8")
    data = folder / "data"
    if user:
        for each in (folder, *folder.parents):
            # pytest's folders are root's alone.
            if not each.stat().st_mode & 0o001:
                each.chmod(each.stat().st_mode | 0o011)
        for each in (folder, secret):
            shutil.chown(each, "postgres", "postgres")
    subprocess.run(
        [
            *user,
            *(str(programs / "initdb"), "-D", str(data), "-U", "dagster"),
            *("--pwfile", str(secret), "--auth", "scram-sha-256", "--no-sync"),
        ],
        check=True,
        capture_output=True,
        cwd=folder,
    )
    certificate = ["-keyout", str(data / "server.key"), "-out", str(data / "server.crt")]
    subprocess.run(
        [
            *user,
            "openssl",
            "req",
            "-new",
            "-x509",
            "-nodes",
            "-subj",
            "/CN=localhost",
            *certificate,
        ],
        check=True,
        capture_output=True,
        cwd=folder,
    )
    port = free_port()
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [
                *user,
                *(str(programs / "postgres"), "-D", str(data), "-p", str(port), "-F"),
                *("-c", "ssl=on", "-c", "listen_addresses=127.0.0.1"),
                *("-c", f"unix_socket_directories={folder}"),
            ],
            stdout=log,
            stderr=log,
            cwd=folder,
        )
    try:
        wait_for_port(port, server)
        environment = {**os.environ, "PGPASSWORD": password}
        psql = [str(programs / "psql"), "-h", "127.0.0.1", "-p", str(port), "-U", "dagster"]
        _until_ready([*psql, "-d", "postgres", "-c", "create database dagster"], environment)
        yield port
    finally:
        subprocess.run(
            [*user, str(programs / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop"],
            check=False,
            capture_output=True,
            cwd=folder,
        )
        server.wait(timeout=30)


def dump(port: int, password: str) -> str:
    """Everything that the database holds, as SQL."""
    ended = subprocess.run(
        [
            *(str(postgres_programs() / "pg_dump"), "-h", "127.0.0.1", "-p", str(port)),
            *("-U", "dagster", "--inserts", "dagster"),
        ],
        env={**os.environ, "PGPASSWORD": password},
        check=True,
        capture_output=True,
        text=True,
    )
    return ended.stdout


def _until_ready(command: list[str], environment: dict[str, str]) -> None:
    for _ in range(50):
        ended = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False
        )
        if ended.returncode == 0:
            return
        time.sleep(0.2)
    raise AssertionError(ended.stderr)
