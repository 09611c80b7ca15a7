"""Errors of a disk: what the system refuses, rather than a fault of the program or of a file."""

import errno
import os
import re

_NUMBERS = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM, errno.EBUSY),
    *(errno.ESTALE, errno.ETIMEDOUT, errno.ENOLCK, errno.ENOTEMPTY),  # of network disks
}
_CUT_SHORT = "requested and"  # how numpy says that a file has taken only a part of an array


def number(error: BaseException) -> int:
    """Return the system's number of an error; some errors of h5py hold it, others only name it; 0 for other errors."""
    if not isinstance(error, OSError | RuntimeError):
        return 0
    told = re.search(r"errno = (\d+)", str(error))
    return getattr(error, "errno", None) or (int(told[1]) if told else 0)


def refuses(error: BaseException) -> bool:
    """Whether an error says that the disk refuses to write or to read."""
    return number(error) in _NUMBERS or (isinstance(error, OSError) and _CUT_SHORT in str(error))


def reason(error: BaseException) -> str:
    """Return what the system says; HDF5's own details, such as addresses, do not help people."""
    if number(error):
        return os.strerror(number(error))
    return "not all of a file could be written" if _CUT_SHORT in str(error) else str(error)
