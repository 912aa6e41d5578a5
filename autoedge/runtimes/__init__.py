"""Engines that execute variants, one file each; they run inside the agent."""
