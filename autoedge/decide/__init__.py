"""From results to decisions: verdicts, the choice among candidates, what a relaxation would open."""
