"""Why reading a store failed: because the file is damaged, because memory is short, or because of a fault of ours."""

import errno
import traceback

_OF_VALUES = (OSError, RuntimeError, LookupError, ValueError, ArithmeticError)
# These come from values as well as from our own mistakes.
_OF_TYPES = (TypeError, AttributeError)


def may_be_damage(error: BaseException) -> bool:
    """Whether a damaged file can make a program that trusts it raise such an error.

    No for a lack of memory, and for what only a mistake in a program raises, such as a failed assertion.
    """
    return (
        isinstance(error, _OF_VALUES + _OF_TYPES)
        and not isinstance(error, NotImplementedError)
        and not lacks_memory(error)
    )


def is_damage(error: BaseException) -> bool:
    """Whether an error says by itself that a file is damaged, where all types have been looked at before.

    A TypeError then comes from the file only where h5py raised it; one of a line of ours is our mistake.
    """
    return may_be_damage(error) and (isinstance(error, _OF_VALUES) or _is_of_hdf5(error))


def lacks_memory(error: BaseException) -> bool:
    """Whether an error says that there is too little memory; HDF5 and the system say it in ways of their own."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM or "memory allocation failed" in str(error)
    return isinstance(error, MemoryError)


def _is_of_hdf5(error: BaseException) -> bool:
    innermost = traceback.extract_tb(error.__traceback__)[-1:]
    return any("h5py" in frame.filename.replace("\\", "/").split("/") for frame in innermost)
