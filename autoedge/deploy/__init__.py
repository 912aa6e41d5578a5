"""Bundles: the deployable folder of a chosen candidate."""
