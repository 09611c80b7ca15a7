"""The page of a class: its images, the units it needs, those that answer to it, and where its images go."""
