"""The page of a class: its images, the units that it needs, the units that answer to it, and its confusions."""
