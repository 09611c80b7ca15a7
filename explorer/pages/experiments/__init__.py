"""The page of the experiments."""
