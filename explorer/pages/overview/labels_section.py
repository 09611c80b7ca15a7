"""The labels that people gave to units of a store: how many, how far raters agree, and the file itself."""

import math
from collections import Counter
from collections.abc import Sequence

from explorer import labels
from explorer.format import count, number
from explorer.labels import LABELS, Label
from explorer.navigate import View
from explorer.widgets import csv_exchange
from explorer.widgets.html import escape, heading, note, table
from explorer.widgets.messages import alert
from precompute.errors import UnitscopeError
from precompute.measures.agreement import FEWEST, Agreement

_MOST_PAIRS = 10


def show(view: View) -> None:
    """Show what is known of the labels; nothing where nobody gave any."""
    try:
        held = LABELS.load(view.source.path)
    except UnitscopeError as error:
        alert("us-warning", escape(error))
        return
    if not held:
        return
    heading("Labels", "what people call units; no finding")
    raters = Counter(label.rater for label in held)
    note(" · ".join(f"{rater}: {count(n, 'unit')}" for rater, n in raters.most_common(_MOST_PAIRS)))
    _show_agreement(held)
    csv_exchange.show(
        view, LABELS, held, replaces="A label in it replaces the one that its rater gave the unit before."
    )


def _show_agreement(held: Sequence[Label]) -> None:
    pairs = labels.agreements(held)
    if not pairs:
        return
    rows = [[f"{ours} and {theirs}", f"{one.n:,}", f"{one.same:,}", *_kappa(one)] for ours, theirs, one in pairs]
    table(["raters", "named by both", "alike", "kappa", "95 % interval"], rows[:_MOST_PAIRS])
    if len(rows) > _MOST_PAIRS:
        note(f"The first {_MOST_PAIRS} of {count(len(rows), 'pair')}; the rest can be computed from the file.")
    note(
        "Kappa is 1 where two raters always agree, 0 where they agree as often as chance would have it (Cohen 1960). "
        f"It has an interval from {FEWEST} units on. Labels that differ by capitals and spaces alone are the same."
    )


def _kappa(one: Agreement) -> tuple[str, str]:
    if math.isnan(one.kappa):
        return "–", "–"
    interval = "–" if math.isnan(one.low) else f"{number(one.low)} to {number(one.high)}"
    return number(one.kappa), interval
