"""The endpoints of the embedded workspace."""
