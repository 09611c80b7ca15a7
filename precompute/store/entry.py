"""The parts of the schema: one dataset, one axis, one short fact."""

from dataclasses import dataclass

STRING = "str"
ANY = "any"

_BOUNDS = {
    "probability": (0.0, 1.0),
    "share": (0.0, 1.0),
    "fraction": (-1.0, 1.0),  # how two shares differ
    "correlation": (-1.0, 1.0),
    "yes/no": (0.0, 1.0),
    "role": (0.0, 4.0),
    "half": (-1.0, 1.0),  # -1: the image was left out
}
"""Smallest and largest value, by unit of measurement, of datasets that state no bounds."""


@dataclass(frozen=True)
class Entry:
    """One dataset of the format.

    Parameters
    ----------
    path : str
        The absolute path, with ``<placeholders>`` for names that a run chooses.
    dtype : str
        ``u1``, ``u8``, ``i4``, ``i8``, ``f2``, ``f4``, ``str`` (UTF-8 of a fixed length) or ``any``.
    axes : tuple of str
        The named axes in order.
    unit : str
        Unit of measurement of the values.
    doc : str
        What the values mean, in one sentence.
    required : bool
        Whether the dataset must be there if its group is (``<layer>`` groups exist for every layer of the run). A
        dataset over unit and image must never be there in a store of sums.
    nan : str
        When a value may be NaN; empty for never.
    max_side : int
        The most rows or columns that a map may have; 0 for datasets that are not maps.
    bounds : (float, float) or None
        Smallest and largest possible value; None for those of the unit of measurement.
    """

    path: str
    dtype: str
    axes: tuple[str, ...]
    unit: str
    doc: str
    required: bool = True
    nan: str = ""
    max_side: int = 0
    bounds: tuple[float, float] | None = None

    @property
    def limits(self) -> tuple[float, float] | None:
        """Smallest and largest possible value; None where there are no limits."""
        return self.bounds or _BOUNDS.get(self.unit)

    @property
    def of_unit_and_image(self) -> bool:
        """Whether it holds a number for every unit on every image, which a store of sums leaves out."""
        return self.axes[:2] == ("unit", "image")

    def matches(self, path: str) -> bool:
        """Whether a concrete path is an instance of this entry."""
        pattern, found = self.path.split("/"), path.split("/")
        return len(pattern) == len(found) and all(
            p.startswith("<") or p == f for p, f in zip(pattern, found, strict=True)
        )


@dataclass(frozen=True)
class Axis:
    """One named axis.

    Parameters
    ----------
    name : str
        Its name, the same everywhere.
    length : str
        What its entries are, and how many there are.
    order : str
        The order of its entries.
    sized_by : str
        The dataset that sets its length, in the group of the dataset that has the axis or in the experiment's group;
        empty where no dataset does.
    dimension : int
        The dimension of that dataset that sets the length.
    """

    name: str
    length: str
    order: str
    sized_by: str = ""
    dimension: int = 0


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
