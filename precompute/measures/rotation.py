"""Random rotations of a layer's basis, whole and in part, to test whether effects of units are special to units.

A network whose layer is rotated, and rotated back before the next operation, answers exactly as before. The units of
the rotated layer are other directions of the same space. A finding that is equally true of these directions says
nothing about units in particular.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

_HALF_TURN = 1e-6  # radians, as close to a half turn as an angle may come
_APART = 0.7  # radians, see `rotation_powers`


def random_rotation(n_units: int, *, seed: int) -> Floats:
    """Draw a rotation uniformly from all rotations of a space.

    It is the orthogonal factor of a QR decomposition of a matrix of normal numbers, with signs that make the diagonal
    of the other factor positive; without these signs it would not be uniform. In one case of two it is a reflection,
    which becomes a rotation by changing the sign of its first row.

    Parameters
    ----------
    n_units : int
        Number of units of the layer: the dimension of the space.
    seed : int
        The same seed gives the same rotation.

    Returns
    -------
    (direction, unit) array
        Orthonormal rows, determinant 1.

    References
    ----------
    Diaconis and Shahshahani 1987; Bau et al. 2017, "Network dissection" (arXiv:1704.05796), for its use on units.
    """
    orthogonal, triangular = np.linalg.qr(np.random.default_rng(seed).standard_normal((n_units, n_units)))
    orthogonal *= np.where(np.diag(triangular) < 0, -1, 1)
    if np.linalg.slogdet(orthogonal)[0] < 0:
        orthogonal[0] *= -1
    return orthogonal


def rotation_powers(rotation: Floats, fractions: Sequence[float]) -> Floats:
    r"""Return rotations at fractions of the way from no rotation to a given one.

    A rotation turns planes that are orthogonal to each other, each by its own angle. A fraction of the rotation turns
    the same planes by that fraction of their angles.

    Parameters
    ----------
    rotation : (direction, unit) array
        Orthonormal rows, determinant 1.
    fractions : sequence of float
        0 for no rotation, 1 for the whole.

    Returns
    -------
    (fraction, direction, unit) array
        Orthonormal rows, determinant 1.

    Raises
    ------
    ValueError
        Where a plane is turned by 180 degrees, because it could be turned in either direction.
    """
    # The planes are found from a symmetric problem, whose answer has right angles to the last bit: the eigenvalues of
    # cos(a) (Q + Q')/2 + sin(a) (Q - Q')/2i are cos(angle - a). An odd `a` tells an angle from its negative.
    even, odd = (rotation + rotation.T) / 2, (rotation - rotation.T) / 2j
    _, axes = np.linalg.eigh(np.cos(_APART) * even + np.sin(_APART) * odd)
    angle = np.angle((axes.conj() * (rotation @ axes)).sum(axis=0))
    if (np.abs(angle) > np.pi - _HALF_TURN).any():
        raise ValueError("Expected no plane to be turned by 180 degrees, because such a turn has no unique fraction.")
    back = axes.conj().T
    turned = (((axes * np.exp(1j * fraction * angle)) @ back).real for fraction in fractions)
    return np.stack([rotation if fraction == 1 else each for fraction, each in zip(fractions, turned, strict=True)])


def energy_shares(directions: Floats, second_moment: Floats) -> Floats:
    r"""Share of a layer's mean square activation that lies along each direction.

    .. math:: e_k = \frac{q_k^T M q_k}{\mathrm{tr} M}, \qquad M = \sum f f^T

    over all images and positions, f the activations of all units there. It is the share that ablating the direction
    removes. Over a whole basis the shares add up to 1, so on average no basis loses more than another.

    Parameters
    ----------
    directions : (..., unit) array
        Of length 1 each.
    second_moment : (unit, unit) array
        M, or any multiple of it.

    Returns
    -------
    (...) array
        In [0, 1]; NaN where the layer is silent on every image.
    """
    whole = np.trace(second_moment)
    along = np.einsum("...i,ij,...j->...", directions, second_moment, directions, optimize=True)
    return along / (whole if whole > 0 else np.nan)
