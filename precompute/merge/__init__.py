"""From side files to the store, in blocks of units."""
