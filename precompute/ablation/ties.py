"""Tell whether two predictions differ: they do not where the two outputs are equal but for rounding."""

from torch import Tensor

_ROUNDING = 2**-20
"""Relative to the largest output of a row. Two passes with different batch sizes differ by a few times 2**-24."""


def differs(outputs: Tensor, prediction: Tensor) -> Tensor:
    """Say of each row whether its highest output is above the output that is predicted, by more than rounding.

    Parameters
    ----------
    outputs
        (..., output).
    prediction
        (...), int64: an output for each row.

    Returns
    -------
    Tensor
        (...), bool. True also where an output is NaN.
    """
    own = outputs.gather(-1, prediction.to(outputs.device).unsqueeze(-1)).squeeze(-1)
    highest = outputs.amax(-1)
    # An infinite output is not a scale: beside it every difference would be rounding.
    size = outputs.abs().where(outputs.isfinite(), 0).amax(-1)
    return ~((highest == own) | (highest - own <= _ROUNDING * size))
