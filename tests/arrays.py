"""Whether two stores hold the same."""

import numpy as np


def assert_same_arrays(ours, theirs):
    """Hold every array of the first to that of its name in the second, to the last bit."""
    for name, value in ours.items():
        if getattr(value, "dtype", None) is not None and value.dtype.kind == "O":
            assert all(np.array_equal(a, b) for a, b in zip(value, theirs[name], strict=True)), name
        else:
            np.testing.assert_array_equal(value, theirs[name], err_msg=name)
