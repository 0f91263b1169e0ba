"""The dashboard: Streamlit pages, and the queries behind them."""
