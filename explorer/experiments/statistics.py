"""The presentation of ``statistics``: the drops of a layer's units beside what chance gives."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from explorer import drop_test, navigate
from explorer.charts.noise import noise_levels
from explorer.experiments.presentation import Presentation
from explorer.format import count, number, significant
from explorer.navigate import View
from explorer.widgets.ablation_choice import choose_ablation
from explorer.widgets.chart import draw_chart
from explorer.widgets.html import heading, marks, note, table
from explorer.widgets.number_table import number_column
from explorer.widgets.unit_table import unit_table
from precompute.measures.drop_evidence import overall_interval
from precompute.measures.paired import paired_counts
from precompute.measures.table import measure_name
from precompute.store.answers import answers
from precompute.store.reader import Experiment, Layer

Floats = NDArray[np.floating[Any]]


def _draw(view: View, layer: Layer, experiment: Experiment) -> None:
    choose_ablation(view, layer)
    kind = view.selection.ablation if view.selection.ablation in layer.ablations else layer.ablations[0]
    if drop_test.statistics_of(view.store, layer.name, kind) is None:
        note(
            "An earlier version made this. Its drops are not right for units that were picked for their drops. This "
            "command computes them again:"
        )
        st.code(f"python -m precompute experiment statistics {view.source.quoted}", language="bash", wrap_lines=True)
        return
    frame = _frame(view, layer, experiment, kind)
    shown = frame[frame["drop"].notna()].sort_values(["drop", "ceiling"], ascending=False, kind="stable")
    shown = shown.assign(rank=np.arange(1, len(shown) + 1))
    figure, numbers = st.columns([7, 5], gap="large")
    with figure:
        heading("The largest class drop of every unit, and chance", f"{layer.name}; click a dot to look at its unit")
        _legend()
        draw_chart(
            lambda: noise_levels(shown),
            key=f"noise_{layer.name}_{kind}",
            says="For each unit its largest class drop (orange where more than chance), what chance gives (grey bar up "
            "to 95 %, its mean a line), and the drop of all classes together (violet)",
            origin=view.origin(layer.name, f"{kind} ablation", "experiment statistics"),
            on_pick=lambda dot: navigate.open_unit(view, layer, dot["unit"]),
        )
    with numbers:
        heading("In numbers")
        _numbers(frame)
        _power(view, experiment, drop_test.base_of(layer.name, kind), layer.n_units)
        note(
            drop_test.left_out_said(view.store, 12)
            or "The tests leave out no class: all have an accuracy of at least 10 %."
        )
    _table(view, layer, frame)


def _frame(view: View, layer: Layer, experiment: Experiment, kind: str) -> pd.DataFrame:
    """Return a row for each unit, with drops in points."""
    base = drop_test.base_of(layer.name, kind)
    found = {name: experiment[f"{base}/{name}"] for name in (*_POINTS, *_PLAIN)}
    lost, gained = (experiment[f"{base}/{name}"].sum(axis=1, dtype=np.int64) for name in ("lost", "gained"))
    low, high = overall_interval(lost, gained, len(view.store.images), layer.n_units)  # earlier versions stored others
    titles = np.array([*view.store.classes.title, "–"])
    classes = {name: titles[np.where(np.isnan(found[name]), -1, found[name]).astype(int)] for name in _CLASSES}
    return pd.DataFrame(
        {
            "unit": np.arange(layer.n_units),
            "drop": 100 * found["max_drop"],
            "expected": 100 * found["max_drop_expected"],
            "ceiling": 100 * found["max_drop_ceiling"],
            "p": found["max_drop_p"],
            "q": found["max_drop_q"],
            "called": found["max_drop_q"] <= drop_test.CALLED,
            "title": classes["max_drop_class"],
            "quoted": 100 * found["quoted_drop"],
            "quoted_low": _lower_end(100 * found["quoted_low"]),
            "quoted_high": 100 * found["quoted_high"],
            "named": _named(view, found["named_class"]),
            "reliability": found["reliability"],
            "overall": 100 * _overall(view, layer, kind),
            "overall_low": 100 * low,
            "overall_high": 100 * high,
            "overall_q": found["overall_q"],
            "certainty_q": experiment.get(f"{base}/certainty_q", np.nan),
        }
    )


def _lower_end(points: Floats) -> Floats:
    """Round to a tenth, or to a hundredth where a limit above zero would look like zero."""
    # Adding 0.0 turns a limit that is rounded to -0.0 into 0.0.
    return np.where((points > 0) & (points < 0.05), np.round(points, 2), np.round(points, 1)) + 0.0


_POINTS = ("max_drop", "max_drop_expected", "max_drop_ceiling", "quoted_drop", "quoted_low", "quoted_high")
_CLASSES = ("max_drop_class",)
_PLAIN = ("max_drop_p", "max_drop_q", "reliability", "named_class", "overall_q", *_CLASSES)


def _named(view: View, classes: Floats) -> list[str]:
    """Return the titles of the classes that lose most, for every unit: one, up to three, or a dash."""
    titles = view.store.classes.title
    return [" or ".join(titles[int(index)] for index in row[~np.isnan(row)]) or "–" for row in classes]


def _overall(view: View, layer: Layer, kind: str) -> Floats:
    held = layer.measures.get(measure_name("overall_drop", kind))
    if held is not None:
        return held.values
    return paired_counts(layer.flip_table(kind), answers(view.store)).overall_drop


def _legend() -> None:
    marks(
        ("us-dot us-of-loss", f"largest class drop, more than chance (q ≤ {drop_test.CALLED:g})"),
        ("us-dot", "not told from chance"),
        ("us-bar", "by chance, up to 95 %; its mean a line"),
        ("us-dash", "all classes together"),
    )


def _numbers(frame: pd.DataFrame) -> None:
    n_units, n_called = int(frame["q"].notna().sum()), int(frame["called"].sum())
    st.html(
        f"<p><b>{n_called:,} of {count(n_units, 'unit')}</b> {'has' if n_called == 1 else 'have'} a class that loses "
        f"more than chance explains (q ≤ {drop_test.CALLED:g}){by_chance_among(n_called)}.</p>"
    )
    _other_calls(frame)
    rows = [
        ("overall drop, points", frame["overall"], 2),
        ("largest class drop, points", frame["drop"], 1),
        ("the same by chance, 95 %", frame["ceiling"], 1),
        ("split-half reliability", frame["reliability"], 2),
    ]
    if n_quoted := int(frame["quoted"].notna().sum()):
        rows.insert(3, (f"drop to quote, of {count(n_quoted, 'unit')}", frame["quoted"], 1))
    table(["over units", "lower quartile", "median", "upper quartile"], [_row(*row) for row in rows])


def by_chance_among(n_called: int) -> str:
    """Return a clause on how many of the units that are called may be so by chance; empty where none is called."""
    return f", at most about {significant(drop_test.CALLED * n_called, 1)} of them by chance" if n_called else ""


def _other_calls(frame: pd.DataFrame) -> None:
    """Say how many units change the overall accuracy, and how many make some class's images less certain."""
    n_overall = int((frame["overall_q"] <= drop_test.CALLED).sum())
    said = f"{count(n_overall, 'unit changes', 'units change')} the overall accuracy by more than chance when silenced"
    if frame["certainty_q"].notna().any():
        n_less = int((frame["certainty_q"] <= drop_test.CALLED).sum())
        said += f". {count(n_less, 'unit makes', 'units make')} the network less certain of some class's images"
    note(f"{said}.")


def _power(view: View, experiment: Experiment, base: str, n_units: int) -> None:
    """Say how large a drop the test can find in this layer, with these images and classes."""
    drop, share = experiment[f"{base}/true_drop"], experiment[f"{base}/found_share"]
    if np.isnan(share).all():
        return
    count_of = np.bincount(view.store.images.label, minlength=len(view.store.classes))
    tested = np.sort(count_of[(count_of > 0) & (experiment["set_apart"] == 0)])
    n_classes, n_images = int((count_of > 0).sum()), int(tested[len(tested) // 2])
    told = ", ".join(
        f"{'a true drop of ' if place == 0 else ''}{100 * drop[at]:.0f} points in {_share(share[at])}"
        for place, at in enumerate(np.abs(drop - true).argmin() for true in (0.04, 0.08, 0.16, 0.3))
    )
    note(
        f"Power at q ≤ {drop_test.CALLED:g}, with {count(n_classes, 'class', 'classes')} and {count(n_units, 'unit')}. "
        f"For one class of {count(n_images, 'image')}, the median, the test finds {told} of cases."
    )


def _share(value: float) -> str:
    return "less than 1 %" if value < 0.01 else "more than 99 %" if value > 0.99 else f"{100 * value:.0f} %"


def _row(name: str, values: pd.Series, decimals: int) -> list[str]:
    ends = values.quantile([0.25, 0.5, 0.75])
    return [name, *(number(float(value), decimals) for value in ends)]


def _table(view: View, layer: Layer, frame: pd.DataFrame) -> None:
    heading("Every unit", "the surest first; click a class to look at it, any other cell to look at its unit")
    ordered = frame.sort_values(["q", "p", "drop"], ascending=[True, True, False], kind="stable")
    ordered = ordered.reset_index(drop=True)
    unit_table(
        view,
        layer,
        ordered,
        _COLUMNS,
        key=f"statistics_{layer.name}_{view.selection.ablation}",
        classes=["named", "title"],
    )


_COLUMNS: dict[str, Any] = {
    "unit": st.column_config.NumberColumn("Unit", width=60, pinned=True),
    "named": st.column_config.TextColumn("Class", help="loses most, with a probability of at least 90 %"),
    "quoted": number_column(
        "Drop to quote, pt",
        "drawn towards the layer's other units, as a picked unit tends to show too large a drop; – where not settled",
        "%.1f",
    ),
    "quoted_low": number_column("from", "95 % interval", "%.3g"),
    "quoted_high": number_column("to", "95 % interval", "%.1f"),
    "q": number_column("q", "false discovery rate over the units of the layer", "%.2g"),
    "p": number_column("p", "exact, of the largest drop over classes", "%.2g"),
    "drop": number_column("Largest, pt", "largest drop over all classes, on all images", "%.1f"),
    "title": st.column_config.TextColumn("of class"),
    "expected": number_column("by chance", "mean of the largest drop by chance, for as many flips", "%.1f"),
    "ceiling": number_column("95 %", "by chance the largest drop stays at or below this, 19 times in 20", "%.1f"),
    "overall": number_column("Overall, pt", "drop over all images", "%.2f"),
    "overall_low": number_column("from", "95 % interval, for all units of the layer at once", "%.2f"),
    "overall_high": number_column("to", "95 % interval", "%.2f"),
    "overall_q": number_column("q", "of the overall drop, over the units of the layer", "%.2g"),
    "certainty_q": number_column("q, certainty", "that the images of some class become less certain", "%.2g"),
    "reliability": number_column("halves", "split-half reliability of the drops over classes", "%.2f"),
}

PRESENTATION = Presentation(
    shows=(
        "When a unit is silenced, some answers change. The test says whether the class that loses most loses more "
        "than chance alone takes with as many changes."
    ),
    reading=(
        "Each column is a unit. Its dot is the largest drop over all classes, the violet dash the drop of "
        "all classes together. A high dot with a low dash means large damage to one class and small damage "
        "overall. The grey bar is what chance gives. Chance means that a coin decides whether each changed answer is "
        "lost or gained. The class that loses most then still loses as much as the line on average. In 95 of 100 "
        "cases it loses no more than the bar's end. A dot beyond its bar is unlikely by chance for one unit. An orange "
        "dot is unlikely even when all units of the layer are looked at. The table tells how much is lost. "
        "Units that are picked for their q, rank or size tend to show too large a drop. So the drop to quote is drawn "
        "towards those of the layer's other units. Where two or three classes are named, one "
        "of them loses most. Where more than three could be the one, none is named."
    ),
    limits=(
        "A grey dot means that there are not enough images to tell, not that nothing is lost; the text "
        "beside the figure says what can be found here. Where the images do not settle a drop to about a point, "
        "only its interval is given. q counts the units of one layer, not those of all layers looked at. "
        "The p-value is that of the largest drop, so it says that some class loses, but not which one. Every test and "
        "interval takes images as independent: with near-duplicates, such as frames of one video, they look surer "
        "than they are. Where the split-half "
        "reliabilities of the units are near 0, other images would give other profiles of drops. That of one unit is "
        "rough, because it is of one division of the images: read the median."
    ),
    draw=_draw,
)
