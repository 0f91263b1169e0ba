"""SoQL: text → tree → types → rows."""
