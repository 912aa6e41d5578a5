"""The space: all candidates that an intent, the search space files and the probed target allow."""
