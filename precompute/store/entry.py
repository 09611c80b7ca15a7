"""What the schema is made of: one dataset, one short fact."""

from dataclasses import dataclass

STRING = "str"
ANY = "any"


@dataclass(frozen=True)
class Entry:
    """One dataset of the format.

    Parameters
    ----------
    path : str
        Absolute, with ``<placeholders>`` for names that a run chooses.
    dtype : str
        ``u1``, ``i4``, ``i8``, ``f2``, ``f4``, ``str`` (UTF-8 of a fixed length) or ``any``.
    axes : tuple of str
        The named axes in order.
    unit : str
        Unit of measurement of the values.
    doc : str
        What the values mean, in one sentence.
    required : bool
        Whether the dataset must be there once its group is (``<layer>`` groups exist for every layer of the run).
    nan : str
        When a value may be NaN; empty for never.
    max_side : int
        The most that rows or columns of a map may count; 0 where there are none.
    """

    path: str
    dtype: str
    axes: tuple[str, ...]
    unit: str
    doc: str
    required: bool = True
    nan: str = ""
    max_side: int = 0

    def matches(self, path: str) -> bool:
        """Whether a concrete path is an instance of this entry."""
        pattern, found = self.path.split("/"), path.split("/")
        return len(pattern) == len(found) and all(
            p.startswith("<") or p == f for p, f in zip(pattern, found, strict=True)
        )


@dataclass(frozen=True)
class Fact:
    """One short fact about a group or dataset, kept as an HDF5 attribute.

    Parameters
    ----------
    kind : str
        ``text``, ``texts``, ``integer``, ``integers`` or ``yes/no``.
    doc : str
        What it says, in one sentence.
    required : bool
        Whether it must be there.
    """

    kind: str
    doc: str
    required: bool = True
