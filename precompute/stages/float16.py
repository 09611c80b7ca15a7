"""Half precision, as the store keeps maps and changes of log-probability."""

import numpy as np

_LARGEST = float(np.finfo(np.float16).max)


def half(values: np.ndarray) -> np.ndarray:
    """Convert to half precision, clipped to what it holds."""
    return np.clip(values, -_LARGEST, _LARGEST).astype(np.float16)
