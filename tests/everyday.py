"""Which cases of a kind every run of the tests takes; `make test-long` takes the others."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest


def everyday(cases: Iterable[Any], kept: Callable[..., bool]) -> list[Any]:
    """Mark the cases `long` that are not kept for every day; a case of several values is a tuple."""
    every = [case if isinstance(case, tuple) else (case,) for case in cases]
    return [pytest.param(*case, marks=() if kept(*case) else pytest.mark.long) for case in every]
