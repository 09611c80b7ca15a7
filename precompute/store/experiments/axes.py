"""Axes that several experiments have."""

from precompute.store.entry import Axis

HALF = Axis("half", "2, the halves of the images", "the half numbered 0, then 1")
MEASURE = Axis("measure", "measures of the layer that are looked at", "as in the dataset `measure`", "measure")
ORDER = Axis("order", "orders in which units are removed", "as in the dataset `ranking`", "ranking")
STEP = Axis("step", "steps from no unit removed to all", "as in the dataset `n_removed`", "n_removed")
