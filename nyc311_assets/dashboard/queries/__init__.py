"""What the pages ask of the Delta tables: plain functions, without Streamlit and without Spark."""
