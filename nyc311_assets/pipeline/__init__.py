"""The work itself, in plain PySpark and pandas: no orchestrator, no settings, no place to run."""
