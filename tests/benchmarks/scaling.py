"""How the cost grows with the number of images, of units, and with how early in the network the layer is."""

from pathlib import Path

import altair as alt

from tests.benchmarks.cases import Case
from tests.benchmarks.measure import Clock, run_case

IMAGES, UNITS = (32, 64, 128), (16, 64, 256)
DEPTHS = ("features.2", "features.5", "features.7", "features.9", "features.12", "classifier.2", "classifier.5")


def write_plot(path: str, clock: Clock) -> None:
    """Measure AlexNet, whose layers are many kinds, and write three panels as one page."""
    points = [
        *(_point("images", n, Case("alexnet", "features.11", None, images=n, units=64), clock) for n in IMAGES),
        *(_point("units", n, Case("alexnet", "features.11", None, images=32, units=n), clock) for n in UNITS),
        *(_point("layer", name, Case("alexnet", name, None, images=32, units=16), clock) for name in DEPTHS),
    ]
    panels = [
        _panel([point for point in points if point["axis"] == axis], axis) for axis in ("images", "units", "layer")
    ]
    alt.hconcat(*panels).save(Path(path))
    for point in points:
        print(f"{point['axis']} {point['at']}: {point['seconds']:.3f} s, {point['micros']:.1f} µs a row")


def _point(axis: str, at: int | str, case: Case, clock: Clock) -> dict[str, object]:
    seconds = run_case(case, clock).engine
    return {"axis": axis, "at": at, "seconds": seconds * case.images * case.units, "micros": seconds * 1e6}


def _panel(points: list[dict[str, object]], axis: str) -> alt.Chart:
    by_layer = axis == "layer"
    x = alt.X("at:N", sort=list(DEPTHS), title=axis) if by_layer else alt.X("at:Q", title=axis)
    y = alt.Y("micros:Q", title="microseconds a row") if by_layer else alt.Y("seconds:Q", title="seconds")
    return alt.Chart(alt.Data(values=points)).mark_line(point=True).encode(x, y).properties(width=260, height=220)
