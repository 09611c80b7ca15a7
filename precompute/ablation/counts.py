"""What a sweep cost."""

from dataclasses import dataclass


@dataclass
class Counts:
    """What a sweep did with its rows, a row being one image under one ablation.

    Parameters
    ----------
    rows
        All of them.
    changed
        Those that were computed, because something on the way differs from the unablated network.
    in_float32
        Those that were computed in reduced precision and then, being too close to call, in float32.
    rechecked
        Those that the plain method computed again, because their two highest outputs were too close to tell apart.
    audited
        Rows that were computed by the plain method too, to measure the engine's rounding error.
    largest_error
        Largest difference of an output between the two methods, on the audited rows.
    """

    rows: int = 0
    changed: int = 0
    in_float32: int = 0
    rechecked: int = 0
    audited: int = 0
    largest_error: float = 0.0
