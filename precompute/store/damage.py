"""The last net under whatever reads a store: what a damaged one makes go wrong is said to be that."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from precompute.errors import StoreDamaged, StoreError, UnitscopeError
from precompute.store.check import check


@contextmanager
def reading(*paths: Path) -> Iterator[None]:
    """Say of an error that nobody foresaw that a store is damaged, where the check finds that one is.

    Anything else is a fault of ours and passes as it is.

    Raises
    ------
    StoreDamaged
        It names the first thing that is wrong.
    """
    try:
        yield
    except UnitscopeError:
        raise
    except Exception as error:
        for path in paths:
            wrong = _first_problem(path)
            if wrong is not None:
                raise StoreDamaged(
                    f"{path}: this store is damaged at {wrong}. `python -m precompute check {path}` lists all that is "
                    "wrong; copy the file again, or build the store again."
                ) from error
        raise


def _first_problem(path: Path) -> str | None:
    try:
        return next(map(str, check(path)), None)
    except StoreError as error:
        return str(error)
