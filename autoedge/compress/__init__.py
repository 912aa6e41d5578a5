"""Make smaller models of a user's PyTorch model before it is deployed: the one door to PyTorch."""
