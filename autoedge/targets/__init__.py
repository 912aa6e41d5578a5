"""Devices that candidates run on."""
