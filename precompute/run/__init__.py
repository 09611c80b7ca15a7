"""One run: its plan, its cost, its passes over the images, and the store that it writes."""
