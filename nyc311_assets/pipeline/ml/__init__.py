"""Models, forecasts and anomalies over the lakehouse: the tables and Spark around the cores.

The methods are in `pipeline.forecasting` and `pipeline.anomalies`, which know neither.
"""
