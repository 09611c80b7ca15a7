"""The face: pages that read a store. Never imports torch."""
