"""Daily forecasts and anomaly alerts for NYC 311 service requests."""
