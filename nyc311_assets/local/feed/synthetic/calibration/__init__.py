"""Measuring the real data: how the table of figures behind the synthetic rows is made."""
