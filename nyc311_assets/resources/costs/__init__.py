"""What runs and months cost, by a dated price list."""
