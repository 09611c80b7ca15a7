"""Half precision, in which the store keeps maps and changes of log-probability."""

import numpy as np

_LARGEST = float(np.finfo(np.float16).max)


def half(values: np.ndarray) -> np.ndarray:
    """Convert to half precision; values beyond its range are clipped to -65,504 and 65,504, NaN stays NaN."""
    return np.clip(values, -_LARGEST, _LARGEST).astype(np.float16)
