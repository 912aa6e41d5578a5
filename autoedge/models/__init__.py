"""Look into a model and make its variants, always in a child process: model files are not trusted."""
