"""What turns the user's data into a model's input; the same code in agent and bundle."""
