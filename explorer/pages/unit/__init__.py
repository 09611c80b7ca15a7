"""The page of a unit: what it sees, and what breaks without it."""
