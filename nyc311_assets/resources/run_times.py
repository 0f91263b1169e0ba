"""How long a remote run took, phase by phase."""

from __future__ import annotations

from dataclasses import dataclass

from databricks.sdk.service import jobs


@dataclass(frozen=True, slots=True)
class RunSeconds:
    """The phases of a run, in seconds.

    Attributes:
        queue: Waiting in the workspace's queue.
        setup: Getting its cluster.
        execution: Computing.
    """

    queue: float = 0.0
    setup: float = 0.0
    execution: float = 0.0


def run_seconds(run: jobs.Run | None) -> RunSeconds:
    """The phases of a run; of one that never was, all 0.

    Databricks documents a run's own phases as 0 when it has the multitask format, which a
    submission with `tasks` has; then those of its tasks are summed, of which a step has one.
    """
    if run is None:
        return RunSeconds()
    tasks = run.tasks or []

    def phase(own: int | None, of_tasks: list[int | None]) -> float:
        return (own or sum(each or 0 for each in of_tasks)) / 1000

    return RunSeconds(
        queue=phase(run.queue_duration, [each.queue_duration for each in tasks]),
        setup=phase(run.setup_duration, [each.setup_duration for each in tasks]),
        execution=phase(run.execution_duration, [each.execution_duration for each in tasks]),
    )
