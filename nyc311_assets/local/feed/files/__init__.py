"""Real rows from files: portal exports, API pages and Parquet."""
