"""The embedded workspace: a Databricks-compatible server, Spark Connect and a SODA feed on 127.0.0.1."""
