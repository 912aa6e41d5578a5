"""A power meter of one's own, for AutoEdge."""
