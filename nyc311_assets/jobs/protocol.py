"""What Dagster sends a job and what a job sends back, beyond Pipes' own messages.

Pipes passes no partition keys in a range run and reports checks without their partition, so both
travel here: the keys in `extras`, results per partition as custom messages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import date
from typing import Any, Literal

Severity = Literal["ERROR", "WARN"]


@dataclass(frozen=True, slots=True)
class JobConfig:
    """Everything a job must know; it travels in Pipes' extras.

    Attributes:
        partition_keys: Daily partitions, ISO dates, oldest first; none for a job on whole tables.
        batch_id: Id of the pull; the same in an automatic retry.
        lakehouse_root: Folder of the Delta tables, or a catalog's name.
        lakehouse_is_catalog: Which of the two it is.
        lakehouse_location: Of a catalog, the address below which its tables' files are.
        volume_path: The Volume's folder, as the cluster sees it.
        soda_url: Base address of the source.
        soda_parallel_requests: Most requests to the source at one time.
        masked_columns: Columns that silver masks -> hash or blank; the salt travels as a secret.
        hold_back: Whether days that repeat or double their requests are kept out of silver.
        models: Where and how models are trained.
        parameters: What else the entry is to know, as JSON values.
    """

    partition_keys: Sequence[str]
    batch_id: str
    lakehouse_root: str
    lakehouse_is_catalog: bool
    volume_path: str
    soda_url: str
    soda_parallel_requests: int
    masked_columns: Mapping[str, str] = field(default_factory=dict)
    hold_back: bool = True
    lakehouse_location: str | None = None
    models: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def partitions(self) -> tuple[date, ...]:
        """The partitions as dates."""
        return tuple(date.fromisoformat(key) for key in self.partition_keys)

    def as_extras(self) -> dict[str, Any]:
        """The configuration as Pipes' extras."""
        return asdict(self)

    @classmethod
    def from_extras(cls, extras: Mapping[str, Any]) -> JobConfig:
        """Read the configuration back.

        Raises:
            TypeError: A field is missing or unknown: job and orchestrator are not of one version.
        """
        names = {each.name for each in fields(cls)}
        missing, unknown = sorted(names - set(extras)), sorted(set(extras) - names)
        if missing or unknown:
            raise TypeError(
                "This job and the Dagster that started it are not of one version (missing: "
                f"{', '.join(missing) or 'nothing'}; unknown: {', '.join(unknown) or 'nothing'}). "
                "Deploy the wheel and the job entries of the version that Dagster runs."
            )
        return cls(**extras)


def partition_message(partition: date, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata of one partition's materialization."""
    return {"kind": "partition", "partition": partition.isoformat(), "metadata": dict(metadata)}


def check_message(
    partition: date,
    *,
    name: str,
    passed: bool,
    severity: Severity,
    blocks_run: bool,
    figures: Mapping[str, Any],
) -> dict[str, Any]:
    """One check of one partition."""
    return {
        "kind": "check",
        "partition": partition.isoformat(),
        "name": name,
        "passed": passed,
        "severity": severity,
        "blocks_run": blocks_run,
        "figures": dict(figures),
    }


def answer_message(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What a job on whole tables found or did, as JSON values."""
    return {"kind": "answer", "answer": dict(answer)}


def refusal_message(reason: str) -> dict[str, Any]:
    """Why a job cannot do what it was asked: the request is wrong, not the job."""
    return {"kind": "refusal", "reason": reason}
