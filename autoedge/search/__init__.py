"""Ask and tell on Optuna: which candidate to measure next."""
