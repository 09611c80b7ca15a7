"""The overview: what a store holds."""
