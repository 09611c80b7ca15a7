"""A run by the name of its module before it was a package; importing it brings in all that a run needs."""

from precompute.run.pipeline import carry_out

__all__ = ["carry_out"]
