"""Every setting and environment variable, each with a default that works on a laptop."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.masks import Masks, MasksError, build_masks, read_columns

MODEL_NAME = "nyc311_forecaster"
# What stands before the names of secrets in AWS Secrets Manager; read before any setting is.
SECRETS_PREFIX = "NYC311_SECRETS_PREFIX"

Compute = Literal["job_cluster", "serverless", "existing_cluster"]


class LakehouseUnknown(RuntimeError):
    """Where the tables are stored is not set."""


class Settings(BaseSettings):
    """Settings, read from `NYC311_*` environment variables and a `.env` file."""

    model_config = SettingsConfigDict(
        env_prefix="NYC311_",
        env_file=".env",
        extra="ignore",
        env_ignore_empty=True,
        # What was given may hold secrets.
        hide_input_in_errors=True,
    )

    home: Path = Field(
        default=Path(".nyc311"),
        description="Folder of all local state: lakehouse/, dagster/, volumes/, the embedded workspace.",
    )
    start_date: date = Field(
        default=date(2024, 1, 1), description="First daily partition, a New York calendar day."
    )
    soda_url: str | None = Field(
        default=None,
        description="Base address of the SODA source. Unset: the embedded feed.",
    )
    soda_app_token: SecretStr | None = Field(
        default=None, description="Socrata app token; without one the public source throttles."
    )
    soda_parallel_requests: int = Field(
        default=4, ge=1, le=16, description="Most requests to the source at one time."
    )
    hold_back: bool = Field(
        default=True,
        description="Keep days that repeat or double their requests out of silver. Off: take them "
        "in; their checks fail all the same.",
    )
    masked_columns: str | None = Field(
        default=None,
        description="Text columns that silver masks: incident_address=hash,street_name=blank.",
    )
    mask_salt: SecretStr | None = Field(
        default=None,
        description="Salt of the hashes, at least 16 characters; required when a column is hashed.",
    )
    feed_rows: str | None = Field(
        default=None,
        description="Files, folders or globs of real rows that the embedded feed serves, separated by commas.",
    )
    volume_path: str | None = Field(
        default=None,
        description="Unity Catalog Volume for job entries, Pipes messages and the answer cache. "
        "Unset: volumes/ in the home.",
    )
    catalog: str | None = Field(
        default=None, description="Unity Catalog catalog. Unset: Delta folders in the home."
    )
    compute: Compute = Field(
        default="job_cluster",
        description="Where a step runs: a job cluster, serverless, or an existing cluster.",
    )
    cluster_id: str | None = Field(
        default=None, description="The cluster to use when compute is existing_cluster."
    )
    step_timeout_seconds: int = Field(
        default=7200, ge=1, description="A step's remote run is stopped after this many seconds."
    )
    poll_interval_seconds: float | None = Field(
        default=None,
        gt=0,
        description="Seconds between looks at a remote run. Unset: 0.1 embedded, 5 on Databricks.",
    )
    vacuum_hours: int = Field(
        default=168,
        ge=168,
        description="Maintenance removes files that no version of a table has used for this long.",
    )
    bronze_retention_days: int = Field(
        default=90,
        ge=1,
        description="Maintenance deletes superseded pulls from bronze after this many days.",
    )
    training_weekday: int = Field(
        default=0, ge=0, le=6, description="Partitions of this weekday train; 0 is Monday."
    )
    search_trials: int = Field(
        default=20, ge=0, le=500, description="Trials of a search of settings; 0: no search."
    )
    search_days: int = Field(
        default=7, ge=1, description="Settings are searched again after this many days."
    )
    mlflow_tracking_uri: str | None = Field(
        default=None,
        validation_alias="MLFLOW_TRACKING_URI",
        description="MLflow's server or database. Unset: a database in the home, or Databricks'.",
    )
    lakehouse_url: str | None = Field(
        default=None,
        description="Where this machine reads the tables and keeps ops.alerts: a folder or s3://…; "
        "needed with a catalog. Unset: lakehouse/ in the home.",
    )
    alert_urls: SecretStr | None = Field(
        default=None,
        description="Apprise URLs that alerts go to, separated by commas or spaces.",
    )
    alert_topic_arn: str | None = Field(
        default=None, description="Amazon SNS topic that alerts go to."
    )
    alert_max_age_days: int = Field(
        default=7,
        ge=0,
        description="An episode that ended longer ago is recorded and not alerted.",
    )
    late_after_days: int = Field(
        default=2,
        ge=1,
        description="Data is late when its newest complete day is more than this many days ago at "
        "late_by_hour, or one day more at any hour.",
    )
    late_by_hour: int = Field(
        default=6, ge=0, le=23, description="From this hour of New York on a day is expected."
    )
    budget_usd: float = Field(
        default=100.0, gt=0, description="Budget of a month in US dollars; told at 80 % and 100 %."
    )
    fixed_usd_per_month: float | None = Field(
        default=None,
        ge=0,
        description="What a month costs without any run. Unset: nothing on a laptop; on Databricks "
        "the price list's single box, storage and watching.",
    )
    warehouse_id: str | None = Field(
        default=None,
        description="SQL warehouse on Databricks that `nyc311 cost` reads what was billed with. "
        "Unset: estimates alone.",
    )
    dashboard_warehouse_id: str | None = Field(
        default=None,
        description="SQL warehouse on Databricks that the dashboard and `nyc311 kpis` read the "
        "catalog's tables through. Unset: they read the tables' files.",
    )
    environment: str = Field(
        default="local", min_length=1, description="Name of this environment: dev, qa or prod."
    )
    cloudwatch_region: str | None = Field(
        default=None, description="AWS region that spend is a CloudWatch metric in. Unset: none."
    )
    crew_requests: str = Field(
        default="",
        description="Requests that a crew does in a day by agency, as NYPD=25,HPD=12; others by the "
        "package's round figures.",
    )
    dashboard_url: str = Field(
        default="http://127.0.0.1:8501", description="The dashboard that alerts link to."
    )
    dashboard_address: str = Field(
        default="127.0.0.1",
        description="Address that the dashboard is bound to; another one needs sign-in.",
    )
    dashboard_port: int = Field(default=8501, ge=1, le=65535, description="Its port.")
    dashboard_secrets: Path = Field(
        default=Path(".streamlit/secrets.toml"),
        description="Streamlit's secrets.toml, whose [auth] section switches sign-in on.",
    )
    dashboard_allowed: str | None = Field(
        default=None,
        description="Who may sign in: e-mail addresses and domains (@example.org), by commas.",
    )
    dagster_url: str = Field(
        default="http://127.0.0.1:3000", description="Dagster's UI that alerts link to."
    )
    idle_minutes: float = Field(
        default=5, gt=0, description="The embedded workspace stops after this long without work."
    )

    @field_validator("home")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("crew_requests")
    @classmethod
    def _crews_are_numbers(cls, value: str) -> str:
        if value:
            # Only the dashboard needs what it imports.
            from nyc311_assets.pipeline.staffing import read_crew_requests  # noqa: PLC0415

            read_crew_requests(value)
        return value

    @model_validator(mode="after")
    def _masks_can_be_applied(self) -> Self:
        try:
            _ = self.masks
        except MasksError as error:
            raise ValueError(f"NYC311_MASKED_COLUMNS: {error}") from None
        return self

    @property
    def masks(self) -> Masks:
        """The columns that silver masks."""
        salt = self.mask_salt.get_secret_value() if self.mask_salt else None
        return build_masks(read_columns(self.masked_columns or "", NEW_YORK), salt)

    @property
    def feed_row_files(self) -> tuple[str, ...]:
        """What the embedded feed serves; empty for the synthetic stream."""
        return tuple(part.strip() for part in (self.feed_rows or "").split(",") if part.strip())

    @property
    def dashboard_people(self) -> tuple[str, ...]:
        """The e-mail addresses and domains that may sign in to the dashboard."""
        return tuple(
            part.strip() for part in (self.dashboard_allowed or "").split(",") if part.strip()
        )

    @property
    def lakehouse_path(self) -> Path:
        """Root of the Delta tables when no catalog is set."""
        return self.home / "lakehouse"

    @property
    def tables_url(self) -> str:
        """Root of the tables as this machine reads them, without Spark.

        Raises:
            LakehouseUnknown: They are in a catalog, and their place is not set.
        """
        if self.lakehouse_url:
            return self.lakehouse_url
        if self.catalog:
            raise LakehouseUnknown(
                f"The tables are in the catalog {self.catalog}. Alerts read and write them where "
                "they are stored: set NYC311_LAKEHOUSE_URL to that place (s3://bucket/prefix)."
            )
        return str(self.lakehouse_path)

    @property
    def operations_url(self) -> str:
        """Root of the orchestrator's own tables, ops.*, which are in no catalog.

        Raises:
            LakehouseUnknown: See `tables_url`.
        """
        if self.dashboard_warehouse_id and not self.lakehouse_url:
            return str(self.lakehouse_path)
        return self.tables_url

    @property
    def model_name(self) -> str:
        """The registered model of all series; in a catalog it has three parts."""
        return f"{self.catalog}.ml.{MODEL_NAME}" if self.catalog else MODEL_NAME

    @property
    def dagster_home(self) -> Path:
        """Home of the local Dagster instance."""
        return self.home / "dagster"
