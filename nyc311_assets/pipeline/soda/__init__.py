"""The client of the SODA API, and the Spark data source built on it."""
