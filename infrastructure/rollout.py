"""Brings an image into an environment's ECS services: definitions, migration, services, and back.

    python infrastructure/rollout.py --environment dev --image REGISTRY/nyc311-dev:TAG

Terraform makes everything else. Each service's task definition is registered anew with the image
alone changed; Dagster's database is migrated by a task of its own; then the services follow, each
watched until it is stable. ECS takes a service back that does not become stable. Running it again
with the same image changes nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

# The code server first: the others ask it what there is to run.
SERVICES = ("code", "webserver", "daemon", "dashboard")
RUN = "run"
WAIT: Mapping[str, int] = {"Delay": 10, "MaxAttempts": 90}
MIGRATION = ["dagster", "instance", "migrate"]
# What describe_task_definition tells and register_task_definition does not take.
_ONLY_TOLD = {
    "taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities",
    "registeredAt", "registeredBy", "deregisteredAt",
}  # fmt: skip


class RolloutFailed(RuntimeError):
    """The image is not, or not everywhere, in service."""


def roll_out(
    ecs: Any,
    environment: str,
    image: str,
    *,
    tell: Callable[[str], None],
    wait: Mapping[str, int] = WAIT,
) -> None:
    """Bring an image into service.

    Args:
        ecs: boto3's client.
        environment: dev, qa or prod.
        image: The image, with its registry and tag.
        tell: Told of each step.
        wait: Seconds between looks and most looks, as boto3's waiters take them.

    Raises:
        RolloutFailed: AWS refused, the migration failed, or a service did not become stable. What
            is named in the message is as it was before.
    """
    name = f"nyc311-{environment}"
    step = "the task definitions"
    try:
        definitions = {
            each: _with_image(ecs, f"{name}-{each}", image, tell) for each in (RUN, *SERVICES)
        }
        step = "the database's migration"
        _migrate(ecs, name, definitions[RUN], tell, wait)
        for service in SERVICES:
            step = f"service {service}"
            ecs.update_service(cluster=name, service=service, taskDefinition=definitions[service])
            ecs.get_waiter("services_stable").wait(
                cluster=name, services=[service], WaiterConfig=wait
            )
            _check_served(ecs, name, service, definitions[service])
            tell(f"{service}: {definitions[service].rpartition('/')[2]}")
    except WaiterError as error:
        raise RolloutFailed(
            f"{step} did not end in time ({error}). Look at its tasks and at the log group /{name}/"
            "services; ECS takes back a service that does not become stable."
        ) from error
    except (ClientError, BotoCoreError) as error:
        raise RolloutFailed(
            f"{step}: {error}. The role that rolls out is Terraform's module `deployment`; is "
            f"AWS_REGION the region of {name}?"
        ) from error


def _with_image(ecs: Any, family: str, image: str, tell: Callable[[str], None]) -> str:
    """The family's newest definition with the image; registered anew if it has another."""
    told = ecs.describe_task_definition(taskDefinition=family, include=["TAGS"])
    definition, tags = told["taskDefinition"], told.get("tags", [])
    if all(each["image"] == image for each in definition["containerDefinitions"]):
        tell(f"{family}: has it")
        return str(definition["taskDefinitionArn"])
    wanted = {key: value for key, value in definition.items() if key not in _ONLY_TOLD}
    wanted["containerDefinitions"] = [
        {**each, "image": image} for each in definition["containerDefinitions"]
    ]
    if tags:
        wanted["tags"] = tags
    made = ecs.register_task_definition(**wanted)["taskDefinition"]
    tell(f"{family}: revision {made['revision']}")
    return str(made["taskDefinitionArn"])


def _migrate(
    ecs: Any,
    cluster: str,
    definition: str,
    tell: Callable[[str], None],
    wait: Mapping[str, int],
) -> None:
    """Run `dagster instance migrate` where the daemon runs, and see that it ended well."""
    described = ecs.describe_services(cluster=cluster, services=["daemon"])["services"]
    if not described:
        raise RolloutFailed(f"{cluster} has no service daemon: apply Terraform first.")
    [daemon] = described
    ran = ecs.run_task(
        cluster=cluster,
        taskDefinition=definition,
        launchType="FARGATE",
        networkConfiguration=daemon["networkConfiguration"],
        overrides={"containerOverrides": [{"name": RUN, "command": MIGRATION}]},
    )
    if not ran["tasks"]:
        raise RolloutFailed(f"The migration's task did not start: {ran.get('failures')}")
    task = ran["tasks"][0]["taskArn"]
    ecs.get_waiter("tasks_stopped").wait(cluster=cluster, tasks=[task], WaiterConfig=wait)
    [ended] = ecs.describe_tasks(cluster=cluster, tasks=[task])["tasks"]
    codes = [each.get("exitCode") for each in ended["containers"]]
    if codes != [0]:
        raise RolloutFailed(
            f"The migration of Dagster's database ended with {codes[0] if codes else 'nothing'} "
            f"({ended.get('stoppedReason', 'no reason given')}): see the log group "
            f"/{cluster}/services. No service was touched."
        )
    tell("database: migrated")


def _check_served(ecs: Any, cluster: str, service: str, definition: str) -> None:
    """ECS calls a service stable that it has taken back."""
    [described] = ecs.describe_services(cluster=cluster, services=[service])["services"]
    if described["taskDefinition"] != definition:
        raise RolloutFailed(
            f"Service {service} was taken back to {described['taskDefinition'].rpartition('/')[2]}: "
            f"its new tasks did not stay up. See the log group /{cluster}/services."
        )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """Roll out what the command line names; returns the exit code: 0 done, 1 failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--environment", required=True, choices=["dev", "qa", "prod"])
    parser.add_argument("--image", required=True, help="the image, with registry and tag")
    given = parser.parse_args(arguments)
    try:
        ecs = boto3.client("ecs")
        roll_out(ecs, given.environment, given.image, tell=_say)
    except (RolloutFailed, BotoCoreError) as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
