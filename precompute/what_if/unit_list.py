"""Lists of units as people write them: ``3, 7, 12-20``."""

import re
from collections.abc import Iterable

from precompute.errors import OptionError

_PART = re.compile(r"(\d{1,7})(?:\s*[-–]\s*(\d{1,7}))?")
_QUOTED = 40


def read_units(text: str, n_units: int) -> tuple[int, ...]:
    """Read a list of units.

    Parameters
    ----------
    text : str
        Numbers and ranges, separated by commas, semicolons or spaces. A range includes both its ends.
    n_units : int
        Number of units of the layer.

    Returns
    -------
    tuple of int
        Units in ascending order, each once; empty where the text is empty.

    Raises
    ------
    OptionError
        Where a part is neither a number nor a range, or a unit does not exist.
    """
    found: set[int] = set()
    joined = re.sub(r"\s*([-–])\s*", r"\1", text.strip())
    for part in filter(None, re.split(r"[\s,;]+", joined)):
        match = _PART.fullmatch(part) if part.isascii() or "–" in part else None
        if match is None:
            raise OptionError(
                f"“{part[:_QUOTED]}” is not a unit. Write numbers and ranges with commas between, such as 3, 7, 12-20."
            )
        first = int(match[1])
        last = int(match[2] or first)
        if last < first or last >= n_units:
            raise OptionError(
                f"There is no unit {part}: the units of this layer run from 0 to {n_units - 1}."
                if match[2] is None
                else f"There is no range {part}: write the lower unit first; units run from 0 to {n_units - 1}."
            )
        found.update(range(first, last + 1))
    return tuple(sorted(found))


def write_units(units: Iterable[int]) -> str:
    """Write a list of units, with runs of three or more as ranges: ``3, 7, 12-20``."""
    runs: list[tuple[int, int]] = []
    for unit in sorted(set(units)):
        if runs and unit == runs[-1][1] + 1:
            runs[-1] = runs[-1][0], unit
        else:
            runs.append((unit, unit))
    return ", ".join(_written(first, last) for first, last in runs)


def _written(first: int, last: int) -> str:
    if first == last:
        return str(first)
    return f"{first}-{last}" if last - first > 1 else f"{first}, {last}"
