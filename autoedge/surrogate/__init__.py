"""Models that learn from measurements what other candidates would measure, and how sure that is."""
