"""The data behind a chart, and files of it."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import streamlit as st


def data_table(rows: pa.Table, *, label: str = "Data of this chart", name: str = "data") -> None:
    """A chart's data as a table under it, with downloads.

    Args:
        rows: What the chart shows, with the columns' names as people read them.
        label: Of the part that opens.
        name: Of the files, and of the part among those of the page.
    """
    with st.expander(label):
        st.dataframe(rows.to_pandas(), hide_index=True, height=320)
        downloads(rows, name)


def downloads(rows: pa.Table, name: str) -> None:
    """Buttons that save rows as CSV and as Parquet."""
    with st.container(horizontal=True):
        st.download_button("CSV", csv(rows), f"{name}.csv", "text/csv", key=f"csv-{name}")
        st.download_button(
            "Parquet",
            parquet(rows),
            f"{name}.parquet",
            "application/vnd.apache.parquet",
            key=f"parquet-{name}",
        )


def csv(rows: pa.Table) -> bytes:
    """Rows as CSV, UTF-8."""
    target = io.BytesIO()
    pyarrow.csv.write_csv(rows, target)
    return target.getvalue()


def parquet(rows: pa.Table) -> bytes:
    """Rows as a Parquet file."""
    target = io.BytesIO()
    pyarrow.parquet.write_table(rows, target)
    return target.getvalue()
