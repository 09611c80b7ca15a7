"""The labels that people gave to units of a store: their number, the agreement of raters, and the file itself."""

import math
from collections import Counter
from collections.abc import Sequence

import streamlit as st

from explorer import labels
from explorer.format import count, isolated, number, percent
from explorer.labels import LABELS, Label, Pair
from explorer.navigate import View
from explorer.widgets import csv_exchange
from explorer.widgets.html import Markup, escape, heading, note, said_by, table
from explorer.widgets.messages import alert
from precompute.errors import UnitscopeError
from precompute.measures.agreement import FEWEST, Agreement, NameAgreement, cohens_kappa, name_by_name

_MOST_PAIRS, _MOST_NAMES = 10, 50


def show(view: View) -> None:
    """Show the number of labels and how raters agree; nothing if there are no labels."""
    try:
        held = LABELS.load(view.source.path)
    except UnitscopeError as error:
        alert("us-warning", escape(error))
        return
    if not held:
        return
    heading("Labels", "what people call units; no finding")
    raters = Counter(label.rater for label in held)
    if len(raters) > labels.MOST_COMPARED:
        note(f"Of {len(raters):,} raters, the {labels.MOST_COMPARED} who named most units are compared.")
    told = (f"{said_by(rater)}: {count(n, 'unit')}" for rater, n in raters.most_common(_MOST_PAIRS))
    note(Markup(" · ".join(told)))
    _show_agreement(held)
    csv_exchange.show(
        view, LABELS, held, replaces="A label in it replaces the one that its rater gave the unit before."
    )


def _both(pair: Pair) -> Markup:
    return Markup(" and ".join(map(said_by, pair.raters)))


def _show_agreement(held: Sequence[Label]) -> None:
    pairs = labels.pairs(held)
    if not pairs:
        return
    found = [(pair, cohens_kappa(pair.ours, pair.theirs)) for pair in pairs[:_MOST_PAIRS]]
    rows = [[_both(pair), f"{one.n:,}", f"{one.same:,}", *_kappa(one)] for pair, one in found]
    table(["raters", "named by both", "alike", "kappa", "95 % interval"], rows)
    if len(pairs) > _MOST_PAIRS:
        note(f"The first {_MOST_PAIRS} of {count(len(pairs), 'pair')}; the rest can be computed from the file.")
    note(
        "Kappa is 1 where two raters always agree, 0 where they agree as often as chance would have it (Cohen 1960). "
        f"It has an interval if each of the two gives {FEWEST} units or more another label than the one that this "
        "rater gives most. Capitals and spaces make no difference."
    )
    with st.expander("Label by label"):
        at = 0
        if len(pairs) > 1:
            names = [" and ".join(map(isolated, pair.raters)) for pair in pairs]
            at = st.selectbox("Raters", range(len(pairs)), format_func=names.__getitem__, key="label_raters", width=320)
        _show_names(pairs[at])


def _show_names(pair: Pair) -> None:
    """Show for each label how far two raters agree."""
    found = name_by_name(pair.ours, pair.theirs)
    rows = [
        [one.name, f"{one.ours:,}", f"{one.theirs:,}", f"{one.both:,}", *_shared(one), *_kappa(one.kappa)]
        for one in found[:_MOST_NAMES]
    ]
    table(["label", *pair.raters, "both", "shared", "95 % interval", "kappa", "95 % interval"], rows)
    if len(found) > _MOST_NAMES:
        note(f"The {_MOST_NAMES} labels that are given most, of {len(found):,}.")
    note(
        f"On the {count(len(pair.ours), 'unit')} that {' and '.join(map(isolated, pair.raters))} named. Shared: of the "
        "times that either gives the label, how often the other gives it too, with an exact interval (Clopper and "
        "Pearson). "
        f"Kappa is that of giving it or not. It has an interval where each of the two gives it to at least {FEWEST} "
        f"units, and another label to at least {FEWEST}."
    )


def _shared(one: NameAgreement) -> tuple[str, str]:
    return percent(one.shared, 100), f"{percent(one.low, 100)} to {percent(one.high, 100)}"


def _kappa(one: Agreement) -> tuple[str, str]:
    if math.isnan(one.kappa):
        return "–", "–"
    interval = "–" if math.isnan(one.low) else f"{number(one.low)} to {number(one.high)}"
    return number(one.kappa), interval
