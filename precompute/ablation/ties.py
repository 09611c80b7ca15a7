"""Tell two predictions apart: not where the outputs that they name are equal but for rounding."""

from torch import Tensor

_ROUNDING = 2**-20
"""Relative to the largest output of a row. Passes of two sizes of the batch differ by a few times 2**-24."""


def differs(outputs: Tensor, prediction: Tensor) -> Tensor:
    """Say of each row whether its highest output is another than its prediction, by more than rounding.

    Parameters
    ----------
    outputs
        (..., output).
    prediction
        (...), int64: an output for each row.

    Returns
    -------
    Tensor
        (...), bool. True also where outputs are no numbers.
    """
    own = outputs.gather(-1, prediction.to(outputs.device).unsqueeze(-1)).squeeze(-1)
    return ~(outputs.amax(-1) - own <= _ROUNDING * outputs.abs().amax(-1))
