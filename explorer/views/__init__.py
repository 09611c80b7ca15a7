"""The pages, a thin script each: what is asked of the store, and what is shown where."""
