"""Measurements, side by side with an alternative: `make bench`."""
