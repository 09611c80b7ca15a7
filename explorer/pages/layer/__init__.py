"""The page of a layer: all its units."""
