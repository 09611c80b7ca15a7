"""What each class loses under another kind of ablation of the unit than the chosen one, in the store or not."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from explorer.class_effects import class_effects
from explorer.drop_test import CALLED
from explorer.format import count, interval, number, points
from explorer.navigate import View
from explorer.pages.closer import two_accuracies
from explorer.pages.closer.two_accuracies import Changed
from explorer.widgets import url_choice, waiting
from explorer.widgets.ablation_choice import choose_ablation
from explorer.widgets.html import escape, how_and_limits, note, sentence, table
from precompute.ablation_kinds import kind_of
from precompute.measures.drops import Answers
from precompute.measures.maxdrop import max_drop_test
from precompute.measures.paired import PairedCounts, drop_interval, mcnemar
from precompute.measures.profiles import profile_likeness
from precompute.store.answers import answers
from precompute.store.reader import Flips, Layer
from precompute.what_if.request import MEAN, OFF, SCALE, Change, Request

_CHANGES = {
    "mean": (Change(MEAN), "set to its mean"),
    "off": (Change(OFF), "set to zero"),
    "half": (Change(SCALE, factor=0.5), "halved"),
    "double": (Change(SCALE, factor=2.0), "doubled"),
    "turned": (Change(SCALE, factor=-1.0), "turned in sign"),
}
"""The changes, by their words in the URL: the request to the process that runs the network, and words for readers."""


@dataclass(frozen=True, eq=False)
class _Kind:
    words: str
    flips: Flips


def show(view: View, layer: Layer, unit: int) -> None:
    """Show what every class loses under a change that the reader chooses, compared with the ablation in the store."""
    usual = view.ablation_of(layer) if layer.ablations else None
    words = _choose(view, layer, usual)
    change, said = _CHANGES[words]
    held = _stored(layer, unit, usual)
    above = st.container()
    flips = _flips(view, layer, unit, change)
    if flips is None:
        with above:
            sentence(f"Unit {unit} {escape(said)} …")
        return
    before, found = answers(view.store), _Kind(said, flips)
    with above:
        sentence(headline(unit, found, before))
    _show_kinds([held, found], before)
    choose_ablation(view, layer)
    one, other = (Changed.of(f"with it {each.words}", each.flips, before) for each in (held, found))
    note(alike_words(one, other, before))
    key, place = f"kinds_{layer.name}_{unit}_{usual}_{words}", (layer.name, f"unit {unit}", found.words)
    two_accuracies.show(view, one, other, before, key=key, place=place)
    how_and_limits(_READING, _LIMITS)


def _choose(view: View, layer: Layer, usual: str | None) -> str:
    """Let the reader choose a change other than the chosen ablation, and return the word of the change."""
    shown = {
        word: said
        for word, (change, said) in _CHANGES.items()
        if (change.stored_as is None or change.stored_as != usual) and (change.kind != MEAN or layer.keeps_all)
    }
    chosen = view.selection.change if view.selection.change in shown else next(iter(shown))
    url_choice.choose(view, "change", shown, chosen, key="closer_change", label="The unit is")
    return str(chosen)


def _stored(layer: Layer, unit: int, kind: str | None) -> _Kind:
    """Return the ablation of the unit that the store holds; for a layer that was not ablated, the unchanged network."""
    nothing = np.zeros(0, dtype=np.int64)
    if kind is None:
        return _Kind("as it is", Flips(nothing, nothing))
    return _Kind(kind_of(kind).words, layer.flips(kind, unit))


def _flips(view: View, layer: Layer, unit: int, change: Change) -> Flips | None:
    """Return the answers that change, from the store if it holds them; None while they are computed."""
    if change.stored_as in layer.ablations:
        return layer.flips(str(change.stored_as), unit)
    found = waiting.answer(view, Request(layer.name, (unit,), change), b"")
    if found is None:
        return None
    changed = np.flatnonzero(found["prediction"] != view.store.baseline.prediction)
    return Flips(changed, found["prediction"][changed])


def headline(unit: int, found: _Kind, before: Answers) -> str:
    """Say how many images are lost and gained under the change, as HTML; bold only if an exact test finds a difference.

    Points would be too large for a unit that was chosen because it loses many.
    """
    effects = class_effects(found.flips, before)
    lost, gained = int(effects.lost.sum()), int(effects.gained.sum())
    start = f"With unit {unit} {escape(found.words)}, "
    if not lost and not gained:
        return f"{start}<b>no image</b> is lost and none is gained."
    counts = f"{count(lost, 'image')} {'is' if lost == 1 else 'are'} lost and {gained:,} gained"
    if mcnemar(np.array([lost]), np.array([gained]))[0] <= CALLED:
        return f"{start}<b>{counts}</b>."
    return f"{start}{counts}. The difference is within chance."


def _show_kinds(kinds: list[_Kind], before: Answers) -> None:
    head = [
        "the unit is",
        "accuracy lost, points",
        "95 % interval",
        "answers changed",
        "lost",
        "gained",
        "largest drop of a class",
        "by chance, 95 %",
    ]
    table(head, [_row(kind, before) for kind in kinds])


def _row(kind: _Kind, before: Answers) -> list[str]:
    effects, n_images = class_effects(kind.flips, before), len(before.label)
    lost, gained = int(effects.lost.sum()), int(effects.gained.sum())
    low, high = drop_interval(np.array(lost), np.array(gained), np.array(n_images))
    most = "–" if np.isnan(effects.drop).all() else points(float(np.nanmax(effects.drop)), int(before.count.max()))
    counts = PairedCounts(effects.lost[None], effects.gained[None], before.count)
    ceiling = float(max_drop_test(counts).ceiling[0])
    return [
        kind.words,
        points(effects.overall, n_images),
        interval(float(low), float(high), n_images),
        f"{len(kind.flips.image):,}",
        f"{lost:,}",
        f"{gained:,}",
        most,
        "–" if np.isnan(ceiling) else points(ceiling, int(before.count.max())),
    ]


def alike_words(one: Changed, other: Changed, before: Answers) -> str:
    """Say how strongly the drops of classes under both changes are correlated, and how strongly by chance."""
    found = profile_likeness(np.stack([one.drop(before), other.drop(before)]), 0)
    r, n_classes = float(found.r[1]), int((before.count > 0).sum())
    if np.isnan(r):
        if n_classes < 3:
            return "The drops of fewer than three classes cannot be compared."
        return "No class loses or gains under one of the two, so their drops cannot be compared."
    doubt = "" if found.beyond[1] else ", so they may be unlike"
    return (
        f"The drops by class are correlated with r {number(r)} over {count(n_classes, 'class', 'classes')}; by chance "
        f"they reach {number(found.ceiling)}{doubt}."
    )


_READING = (
    "Zero is one value among many. If a unit is never near zero, setting it to zero gives the network a value that it "
    "has never met. Its mean removes what the unit says about single images and keeps the rest. Half and double "
    "strength show whether more of the unit does more. If two kinds lose the same images far more often than chance, "
    "the loss does not depend on the value that was chosen."
)
_LIMITS = (
    "Double strength and a turned sign give the unit values that the network may never have met. What it says then is "
    "exact, but it says little about what the unit is for. Drops of a few images are largely chance: look at the "
    "intervals first. They are for a unit that was not chosen for its drop. The largest drop of a class has a "
    "level beside it: if a coin decided whether each changed answer is lost or gained, the drop would be no larger "
    "than that in 95 of 100 cases. The correlation of drops by class has a level too: 95 % of 1,000 shuffles of the "
    "classes stay below it. The shuffles do not know that both changes act on the same images."
)
