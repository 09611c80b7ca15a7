"""What each experiment adds to a store: its datasets, one module an experiment."""
