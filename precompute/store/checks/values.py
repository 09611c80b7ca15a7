"""Every value by itself: it can be read, and it is not missing."""

from collections.abc import Iterator
from functools import partial

import h5py
import numpy as np

from precompute.store import schema
from precompute.store.checks.form import instances, names
from precompute.store.checks.rules import Problem, Rule, blocks


def rules(file: h5py.File) -> Iterator[Rule]:
    """List a rule for every dataset of the format."""
    for entry in schema.entries_with(names(file, "/experiments")):
        for path in instances(file, entry.path):
            if path in file:
                yield Rule((path,), partial(_problems, file, path, entry))


def _problems(file: h5py.File, path: str, entry: schema.Entry) -> Iterator[Problem]:
    n_missing = 0
    try:
        for block in blocks(file[path]):
            n_missing += int(np.isnan(block).sum()) if block.dtype.kind == "f" else 0
    except (OSError, RuntimeError, ValueError) as error:
        yield Problem(path, f"a block of it cannot be read ({error})")
        return
    if n_missing and not entry.nan:
        yield Problem(path, f"{n_missing} values are missing (NaN)")
