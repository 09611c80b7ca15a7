"""Which network to look at, and how to look inside it."""
