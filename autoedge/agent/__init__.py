"""The part that runs on the target: starts candidates in processes of their own and reports back."""
