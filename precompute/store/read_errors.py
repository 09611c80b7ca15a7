"""Why reading a store failed: the file is damaged, memory is short, or the program has a fault."""

import errno
import traceback

from precompute.store import disk

_OF_VALUES = (OSError, RuntimeError, LookupError, ValueError, ArithmeticError)
# These can come from damaged values and from our own mistakes.
_OF_TYPES = (TypeError, AttributeError)


def may_be_damage(error: BaseException) -> bool:
    """Whether a damaged file can cause such an error in a program that trusts the file.

    False for a lack of memory or of open files, and for errors that only a mistake in a program raises, such as a
    failed assertion.
    """
    return (
        isinstance(error, _OF_VALUES + _OF_TYPES)
        and not isinstance(error, NotImplementedError)
        and not lacks_memory(error)
        and not lacks_handles(error)
    )


def is_damage(error: BaseException) -> bool:
    """Whether an error shows that a file is damaged, in code that has checked all types before.

    There a TypeError is due to the file only if h5py raised it; one raised by our own code is our mistake.
    """
    return may_be_damage(error) and (isinstance(error, _OF_VALUES) or _is_of_hdf5(error))


def lacks_memory(error: BaseException) -> bool:
    """Whether an error means that there is too little memory; HDF5 and the system have their own errors for this."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM or "memory allocation failed" in str(error)
    return isinstance(error, MemoryError)


def lacks_handles(error: BaseException) -> bool:
    """Whether an error means that this process, or the machine, has too many files open."""
    return disk.number(error) in (errno.EMFILE, errno.ENFILE)


def without_handles(what: object, done: str) -> str:
    """Return the sentence that says that something cannot be read or written (`done`) where open files lack."""
    return (
        f"{what}: it cannot be {done}, because too many files are open. Neither disk nor file is at fault; start "
        "this program again, or allow it more open files (ulimit -n)."
    )


def _is_of_hdf5(error: BaseException) -> bool:
    innermost = traceback.extract_tb(error.__traceback__)[-1:]
    return any("h5py" in frame.filename.replace("\\", "/").split("/") for frame in innermost)
