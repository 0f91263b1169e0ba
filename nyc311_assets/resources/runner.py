"""The resource that assets use: runs one job entry on the configured compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from dagster import AssetExecutionContext
from dagster._core.storage.tags import RETRY_NUMBER_TAG, ROOT_RUN_ID_TAG

from nyc311_assets.jobs.protocol import JobConfig
from nyc311_assets.resources.compute import secrets_of, submission
from nyc311_assets.resources.databricks import HardenedPipesDatabricksClient, attempt_token
from nyc311_assets.resources.mlflow_place import model_config
from nyc311_assets.resources.recording import Attempt, StepRecorder, utc_now
from nyc311_assets.resources.workspace import open_site
from nyc311_assets.settings import Settings

# Metadata of a failure that is the asker's: what was asked for is not there.
REFUSED = "refused"


class JobRunner:
    """Runs job entries, for assets and on whole tables.

    It connects when the first step needs it, not before.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def source(self) -> tuple[str, str | None]:
        """The source's address and the app token, if there is one."""
        token = self.settings.soda_app_token
        return open_site(self.settings).soda_url, token.get_secret_value() if token else None

    def run(self, context: AssetExecutionContext, entry: str) -> dg.PipesClientCompletedInvocation:
        """Run `nyc311_assets/jobs/<entry>.py` for the partitions of this step.

        Raises:
            dg.Failure: The run did not succeed, or its report is missing.
        """
        # In a range run Pipes passes no partition; a job never guesses which it is for.
        return self._run(
            context, entry, {"asset": entry}, partition_keys=sorted(context.partition_keys)
        )

    def ask(
        self, context: dg.OpExecutionContext, entry: str, parameters: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Run `nyc311_assets/jobs/<entry>.py` on whole tables.

        Args:
            context: The op's.
            entry: Name of the job entry.
            parameters: What it is to know, as JSON values.

        Returns:
            Its answer.

        Raises:
            dg.Failure: The run did not succeed, or its report is missing; with the metadata
                `refused`, if it was asked for what cannot be had.
        """
        invocation = self._run(context, entry, {"operation": entry}, parameters=parameters)
        messages = {message["kind"]: message for message in invocation.get_custom_messages()}
        if "refusal" in messages:
            raise dg.Failure(
                messages["refusal"]["reason"], metadata={REFUSED: True}, allow_retries=False
            )
        if "answer" not in messages:
            raise dg.Failure(f"The job {entry} ended well and gave no answer: see its output.")
        answer: Mapping[str, Any] = messages["answer"]["answer"]
        return answer

    def _run(
        self,
        context: AssetExecutionContext | dg.OpExecutionContext,
        entry: str,
        tags: Mapping[str, str],
        *,
        partition_keys: Sequence[str] = (),
        parameters: Mapping[str, Any] | None = None,
    ) -> dg.PipesClientCompletedInvocation:
        site = open_site(self.settings)
        client = HardenedPipesDatabricksClient(
            site.client,
            volume_path=site.volume_path,
            poll_interval_seconds=site.poll_interval_seconds,
            grace_seconds=site.grace_seconds,
            timeout_seconds=self.settings.step_timeout_seconds,
            secrets=list(secrets_of(self.settings).values()),
        )
        submit = submission(
            self.settings,
            task_key=entry,
            python_file=f"{site.entries_path}/{entry}.py",
            wheel=site.wheel,
            tags={"project": "nyc311_assets", **tags},
        )
        config = JobConfig(
            partition_keys=list(partition_keys),
            batch_id=batch_id(context.run),
            lakehouse_root=site.lakehouse.root,
            lakehouse_is_catalog=site.lakehouse.is_catalog,
            lakehouse_location=site.lakehouse.location,
            volume_path=site.volume_path,
            soda_url=site.soda_url,
            soda_parallel_requests=self.settings.soda_parallel_requests,
            masked_columns=dict(self.settings.masks.columns),
            hold_back=self.settings.hold_back,
            models=model_config(self.settings),
            parameters=parameters or {},
        )
        recorder = StepRecorder(
            self.settings,
            context,
            Attempt(entry, partition_keys, attempt_token(context), utc_now()),
            workspace="databricks" if site.lakehouse.is_catalog else "embedded",
            redact=client.redact,
        )
        try:
            invocation = client.run(
                context=context,
                extras=config.as_extras(),
                task=submit.task,
                submit_args=submit.submit_args,
            )
        except BaseException as error:
            client.redact.clean(error)
            recorder.ended_by(client.latest_run, error)
            raise
        return invocation.with_metadata(
            recorder.succeeded(client.latest_run, invocation.get_custom_messages())
        )


def batch_id(run: dg.DagsterRun) -> str:
    """Id of the pull that a run makes.

    An automatic retry continues the batch of the run it repeats; a run that a person starts
    again wants fresh rows, so it is a batch of its own.
    """
    if RETRY_NUMBER_TAG in run.tags:
        return run.tags.get(ROOT_RUN_ID_TAG, run.run_id)
    return run.run_id
