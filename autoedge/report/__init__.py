"""Front and verdict as text and data."""
