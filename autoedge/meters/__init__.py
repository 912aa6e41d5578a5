"""Instruments that measure power: what each one is, how its bytes are read, and what it recorded."""
