"""The script that Streamlit runs: its pages, each with its own address."""

import streamlit as st

st.set_page_config(page_title="NYC 311", layout="wide")
st.navigation(
    [
        st.Page("scripts/today.py", title="Today", default=True),
        st.Page("scripts/series.py", title="Series", url_path="series"),
        st.Page("scripts/map.py", title="Map", url_path="map"),
        st.Page("scripts/forecast.py", title="Forecast", url_path="forecast"),
        st.Page("scripts/quality.py", title="Quality", url_path="quality"),
        st.Page("scripts/operations.py", title="Operations", url_path="operations"),
    ],
    position="top",
).run()
