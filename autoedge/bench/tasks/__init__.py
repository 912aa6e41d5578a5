"""Kinds of task: what outputs on the evaluation data come to, one file a kind."""
