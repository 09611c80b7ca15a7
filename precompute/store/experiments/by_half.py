"""Datasets of measures computed on each half of the images, the same for all experiments that have them."""

from precompute.store.entry import STRING, Entry


def by_half(layer: str) -> tuple[Entry, ...]:
    """Return the datasets of measures by half, below an experiment's path of a layer."""
    return (
        Entry(
            f"{layer}/by_half/measure", STRING, ("measure",), "name", "The measures that are computed on each half too."
        ),
        Entry(
            f"{layer}/by_half/value",
            "f4",
            ("unit", "half", "measure"),
            "measure",
            "The measure, from the images of one half alone.",
            nan="where the measure is not defined",
        ),
    )
