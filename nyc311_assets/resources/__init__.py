"""Clients of what is outside: Databricks and its Pipes messages."""
