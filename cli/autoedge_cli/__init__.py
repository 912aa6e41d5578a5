"""The command line of AutoEdge."""
