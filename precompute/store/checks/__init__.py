"""The checks of a store, one file a subject. Called by :mod:`precompute.store.check` only."""
