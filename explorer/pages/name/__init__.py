"""The page for naming units one after the other, by keys alone."""
