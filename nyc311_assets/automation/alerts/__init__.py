"""Alerts: what is told, when, and how it gets there."""
