"""Campaigns: sets of results with their card, as read, written, and offered to a search."""
