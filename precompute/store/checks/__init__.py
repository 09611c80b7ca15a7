"""What a good store is, one file a subject. Called by :mod:`precompute.store.check` only."""
