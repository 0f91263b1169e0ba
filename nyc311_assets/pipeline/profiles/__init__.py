"""The figures that the checks with history compare: small, and few queries."""
