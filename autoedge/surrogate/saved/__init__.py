"""A surrogate that was learned from campaigns once, and is kept as files: trained, judged, written, read, applied."""
