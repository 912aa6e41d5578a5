"""The measurement store: what was measured, kept for ever."""
