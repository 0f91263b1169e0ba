"""Synthetic requests, computed from a seed to follow measured figures of the real ones."""
