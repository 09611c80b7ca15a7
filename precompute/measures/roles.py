"""Four roles of units by what they do for training images and for images held out: our own definition.

The paper that speaks of four categories "according to their performance on training and testing data" (Zhao and Zhang
2021, arXiv:2103.09716) gives no definition that we could find. Ours sorts by the sign of the effect on either set of
images, where the evidence is enough to tell it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

ROLES = ("undetermined", "helps both", "helps training only", "helps held-out only", "helps neither")
"""Names of the codes that :func:`roles` returns."""


def sign_of_effect(effect: Floats, q: Floats, *, level: float = 0.05) -> Floats:
    """Return the sign of an effect where it is significant.

    Parameters
    ----------
    effect : array of any shape
        What silencing costs, such as the fall of log-probability; positive where the unit helps.
    q : array of that shape
        Its q-value, see :func:`precompute.measures.multiplicity.false_discovery`.
    level : float
        Largest q-value of a sign.

    Returns
    -------
    array of that shape
        1 or -1; NaN where there is not enough evidence to tell.
    """
    return np.where((q <= level) & (effect != 0), np.sign(effect), np.nan)


def sign_or_nothing(sign: Floats, low: Floats, high: Floats, *, margin: float) -> Floats:
    """Let an effect count as none where its interval says that it is negligible.

    No significance is no proof of no effect; an interval inside the margin is one of no effect that matters.

    Parameters
    ----------
    sign : array
        From :func:`sign_of_effect`.
    low, high : arrays of that shape
        Limits of the effect's interval.
    margin : float
        Effects between minus and plus this, above zero, are negligible.

    Returns
    -------
    array of that shape
        1, -1, 0 for negligible whether or not the sign can be told, or NaN.
    """
    return np.where((low >= -margin) & (high <= margin), 0, sign)


def roles(training: Floats, held_out: Floats) -> Ints:
    """Sort units into four roles, or none.

    ==================  ========================  ========================
    role                on training images        on held-out images
    ==================  ========================  ========================
    helps both          helps                     helps
    helps training      helps                     nothing, or harms
    helps held-out      nothing, or harms         helps
    helps neither       nothing, or harms         nothing, or harms
    ==================  ========================  ========================

    Parameters
    ----------
    training, held_out : arrays of one shape, such as (unit,) or (unit, class)
        Sign of the effect, 1, 0 or -1; NaN where there is not enough evidence to tell.

    Returns
    -------
    integer array of that shape
        Index into :data:`ROLES`; 0, undetermined, where either sign is NaN.
    """
    code = 1 + (training <= 0) * 2 + (held_out <= 0)
    # In the table's order: both, training only, held-out only, neither.
    return np.where(np.isnan(training) | np.isnan(held_out), 0, code).astype(np.int64)
