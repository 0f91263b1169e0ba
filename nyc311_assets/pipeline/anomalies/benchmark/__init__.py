"""Injected events in bootstrapped and simulated series: how well detectors find them."""
