"""The page Series."""
