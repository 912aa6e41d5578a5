"""The measurement protocol: phases, statistics, replicates and task metrics."""
