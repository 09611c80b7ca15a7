"""The receptive field of a unit in words."""

import numpy as np

from explorer.class_effects import Floats


def field_words(ends: Floats, shape: tuple[int, int]) -> str:
    """Say how large the receptive field is, compared with the picture.

    Parameters
    ----------
    ends : (4,) array
        First row, first column, last row and last column, in pixels of the network's input; NaN if not known.
    shape : (int, int)
        Rows and columns of the input.
    """
    if np.isnan(ends).any():
        return (
            "How far the peak can reach is not known: something on the way may look anywhere, such as attention, a "
            "norm over positions or a mean over the image."
        )
    rows, columns = (int(ends[2] - ends[0]) + 1, int(ends[3] - ends[1]) + 1)
    said = f"The frame: the {rows} × {columns} pixels of {shape[0]} × {shape[1]} that the peak can depend on."
    whole = ends[0] <= 0 and ends[1] <= 0 and ends[2] >= shape[0] - 1 and ends[3] >= shape[1] - 1
    if whole:
        return f"The peak can depend on {rows} × {columns} pixels, more than the {shape[0]} × {shape[1]} of the image."
    beyond = ends[0] < 0 or ends[1] < 0 or ends[2] > shape[0] - 1 or ends[3] > shape[1] - 1
    return f"{said} Part of it lies beyond the image." if beyond else said
