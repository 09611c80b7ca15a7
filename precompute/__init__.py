"""The machine: runs a trained classifier over labelled images, silences each unit in turn and writes the store.

Imports nothing, so that the explorer can use :mod:`precompute.store` and :mod:`precompute.measures` without torch.
"""

__version__ = "0.1.0"
