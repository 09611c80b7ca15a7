"""The page on which units are named one after the other, by keys alone."""
