"""The tables of models, forecasts and anomalies."""

from __future__ import annotations

from nyc311_assets.pipeline.contracts.schema import Column, TableContract

_SERIES = Column("series", "STRING", "Name of the series, see gold.series", nullable=False)
_BOUNDS = (
    Column("lo80", "DOUBLE", "Lower bound of the 80 % band", nullable=False),
    Column("hi80", "DOUBLE", "Its upper bound", nullable=False),
    Column("lo95", "DOUBLE", "Lower bound of the 95 % band", nullable=False),
    Column("hi95", "DOUBLE", "Its upper bound", nullable=False),
)

MODELS = TableContract(
    name="ml.models",
    description="The model of each series, from each training.",
    columns=(
        Column("trained_on", "DATE", "The last day that the training saw", nullable=False),
        _SERIES,
        Column("settings", "STRING", "Settings of the model, JSON", nullable=False),
        Column("first_day", "DATE", "Day of the first element of `expected`", nullable=False),
        Column("expected", "ARRAY<DOUBLE>", "Prophet's requests a day; null if the fit failed"),
        Column("error", "STRING", "Why the fit failed; null if it did not"),
        Column("model", "STRING", "The model as Prophet's JSON; null if the fit failed"),
        Column("tier", "STRING", "Volume tier, requests a day", nullable=False),
        Column("folds", "INT", "Past weekly folds that the errors are of", nullable=False),
        Column("prophet_error", "DOUBLE", "Mean absolute error over the folds, 1 to 7 days"),
        Column("level_profile_error", "DOUBLE", "The same of level x profile"),
        Column("naive_error", "DOUBLE", "The same of seasonal naive"),
        Column("weekday_mean_error", "DOUBLE", "The same of the four-week weekday mean"),
        Column("served_by", "STRING", "The model that serves the series", nullable=False),
    ),
    key=("trained_on", "series"),
    clustered_by=("trained_on",),
)

MODEL_VERSIONS = TableContract(
    name="ml.model_versions",
    description="Each training and what the gate said of it.",
    columns=(
        Column("trained_on", "DATE", "The last day that the training saw", nullable=False),
        Column("partition", "DATE", "The daily partition that trained", nullable=False),
        Column("model_version", "STRING", "Version in the registry, or what stands in for it"),
        Column("mlflow_run_id", "STRING", "The training's run; null if the registry was down"),
        Column("window_first_day", "DATE", "First day of the training window", nullable=False),
        Column("series", "INT", "Series that were fitted", nullable=False),
        Column("failed", "INT", "Of them, those whose fit failed", nullable=False),
        Column("settings", "STRING", "Volume tier -> settings, JSON", nullable=False),
        Column("searched", "BOOLEAN", "Whether the settings were searched", nullable=False),
        Column("scores", "STRING", "Losses of the folds by candidate, JSON", nullable=False),
        Column("promoted", "BOOLEAN", "Whether the gate let it serve", nullable=False),
        Column("reason", "STRING", "Why", nullable=False),
        Column("gold_version", "BIGINT", "Version of gold.daily_counts that was read"),
        Column("rolled_back_at", "TIMESTAMP", "When it was taken out of service; null if not"),
    ),
    key=("trained_on",),
)

SERVING = TableContract(
    name="ml.serving",
    description="The model that serves each daily partition.",
    columns=(
        Column("partition", "DATE", "The daily partition", nullable=False),
        Column("as_of", "DATE", "Its last complete day; null before there is one"),
        Column("trained_on", "DATE", "Training of the model that serves; null for none yet"),
        Column("model_version", "STRING", "Its version; null for none yet"),
        Column(
            "action",
            "STRING",
            "trained, refused (trained, and the incumbent kept), carried, or waiting (no model yet)",
            nullable=False,
        ),
        Column("reason", "STRING", "Why", nullable=False),
    ),
    key=("partition",),
)

ORIGINS = TableContract(
    name="ml.origins",
    description="Point forecasts of each candidate model from each day, which bands learn from.",
    columns=(
        Column("origin", "DATE", "The last day that was known", nullable=False),
        Column("model", "STRING", "The candidate", nullable=False),
        _SERIES,
        Column("forecast", "ARRAY<DOUBLE>", "Requests 1, 2, … days ahead", nullable=False),
    ),
    key=("origin", "model", "series"),
    clustered_by=("origin",),
)

FORECASTS = TableContract(
    name="ml.forecasts",
    description="Forecasts as they were issued; never rewritten.",
    columns=(
        Column("as_of", "DATE", "The last day that was known", nullable=False),
        _SERIES,
        Column("ds", "DATE", "The day that is forecast", nullable=False),
        Column("horizon", "INT", "Days from as_of to ds", nullable=False),
        Column("yhat", "DOUBLE", "Requests expected", nullable=False),
        *_BOUNDS,
        Column("model", "STRING", "The model that serves the series", nullable=False),
        Column("model_version", "STRING", "Version of the training; null before the first one"),
        Column(
            "is_provisional", "BOOLEAN", "Few past errors stand behind the band", nullable=False
        ),
    ),
    key=("as_of", "series", "ds"),
    clustered_by=("as_of",),
    # Nobody looks for a bound of a certain size, and its least and greatest cost a write a tenth.
    properties={"delta.dataSkippingStatsColumns": "as_of,series,ds,horizon"},
)

ANOMALIES = TableContract(
    name="ml.anomalies",
    description="Each complete day of each series, judged by the forecasts issued before it.",
    columns=(
        _SERIES,
        Column("ds", "DATE", "The day", nullable=False),
        Column("actual", "DOUBLE", "Requests", nullable=False),
        Column("as_of", "DATE", "Of the forecast that it is judged by; null if there was none"),
        Column("yhat", "DOUBLE", "Requests expected by that forecast"),
        Column("lo95", "DOUBLE", "Lower bound of its 95 % band"),
        Column("hi95", "DOUBLE", "Its upper bound"),
        Column("lo80", "DOUBLE", "Lower bound of its 80 % band"),
        Column("hi80", "DOUBLE", "Its upper bound"),
        Column("model", "STRING", "Its model"),
        Column("model_version", "STRING", "Version of that model's training"),
        Column("z", "DOUBLE", "Normal score of the day; null if not judged"),
        Column("p_value", "DOUBLE", "Two-sided, of z"),
        Column("q_value", "DOUBLE", "False discovery rate among the series of the day"),
        Column("is_anomaly", "BOOLEAN", "Above the 95 % band", nullable=False),
        Column("direction", "INT", "1 above, -1 below, 0 neither", nullable=False),
        Column("run_length", "INT", "Days in a row on one side outside the band", nullable=False),
        Column("watch", "BOOLEAN", "On watch: abnormal on its own", nullable=False),
        Column("confirmed", "BOOLEAN", "Confirmed: it lasts", nullable=False),
        Column("flagged", "BOOLEAN", "On watch or confirmed", nullable=False),
        Column("tier", "STRING", "watch, confirmed or empty", nullable=False),
        Column("excess", "DOUBLE", "Requests above what was expected"),
        Column("severity", "DOUBLE", "What the queue is sorted by"),
        Column("rank", "INT", "Place among the flagged series of the day; null for others"),
        Column(
            "reason",
            "STRING",
            "Rules that hold, joined by +; or why not judged: too_little_history, too_few_errors, "
            "forecast_later (the series was not forecast yet), no_forecast (one is missing)",
        ),
        Column("is_final", "BOOLEAN", "The day has settled: no re-score to come", nullable=False),
        Column("gold_version", "BIGINT", "Version of gold.daily_counts that `actual` is from"),
    ),
    key=("series", "ds"),
    clustered_by=("ds",),
)

EPISODES = TableContract(
    name="ml.episodes",
    description="Abnormal days of one series in one direction that belong together.",
    columns=(
        Column("id", "STRING", "Survives re-scores", nullable=False),
        _SERIES,
        Column("direction", "INT", "1 high, -1 low", nullable=False),
        Column("start", "DATE", "First flagged day", nullable=False),
        Column("peak", "DATE", "Flagged day with the most excess", nullable=False),
        Column("end", "DATE", "Last flagged day", nullable=False),
        Column("days", "INT", "Flagged days", nullable=False),
        Column("excess", "DOUBLE", "Requests above what was expected, over these days"),
        Column("expected", "DOUBLE", "Requests expected on these days"),
        Column("severity", "DOUBLE", "Of the most severe day"),
        Column("tier", "STRING", "watch or confirmed, the highest reached", nullable=False),
        Column("reasons", "STRING", "Rules that held, joined by +", nullable=False),
        Column(
            "longest_run", "INT", "Most days in a row on its side outside the band", nullable=False
        ),
        Column("peak_actual", "DOUBLE", "Requests on the day of the peak"),
        Column("peak_expected", "DOUBLE", "Requests expected on it by the day before"),
        Column("peak_z", "DOUBLE", "Normal score of the day of the peak"),
        Column("peak_q_value", "DOUBLE", "False discovery rate of the day of the peak"),
        Column(
            "contributors",
            "STRING",
            "JSON list of {kind: series or descriptor, name, excess, share} of the peak's excess",
        ),
        Column(
            "state",
            "STRING",
            "open, closed, or withdrawn (a re-score left nothing of it)",
            nullable=False,
        ),
        Column("merged_into", "STRING", "Of a withdrawn one, the episode that it became part of"),
        Column("judged_through", "DATE", "The last day judged when this was written"),
    ),
    key=("id",),
)
