"""Which images to show it: folders, classes, decoding."""
