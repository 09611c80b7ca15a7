"""The last safety net around code that reads stores: errors caused by a damaged store say so; others pass."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from precompute.errors import StoreDamaged, StoreError, TooLittleMemory, UnitscopeError
from precompute.store.check import check
from precompute.store.read_errors import lacks_handles, lacks_memory, may_be_damage, without_handles


@contextmanager
def reading(*paths: Path) -> Iterator[None]:
    """Turn an unforeseen error into one that says that a store is damaged, if the check finds that one is.

    A lack of memory or of open files is reported as such. Any other error is a fault of ours and passes unchanged.

    Parameters
    ----------
    *paths : Path
        The stores, the main one first.

    Raises
    ------
    StoreDamaged
        Where the check finds a problem; the message names the first one.
    StoreError
        Where too many files were open.
    TooLittleMemory
        Where there was too little memory.
    """
    try:
        yield
    except UnitscopeError:
        raise
    except Exception as error:
        what = str(paths[0]) if paths else "the store"
        if lacks_memory(error):
            raise TooLittleMemory(
                f"There is too little free memory on this machine to read {what}. "
                "Close other programs, or use a machine with more; the file is not at fault."
            ) from error
        if lacks_handles(error):
            raise StoreError(without_handles(what, "read")) from error
        for path in paths if may_be_damage(error) else ():
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
