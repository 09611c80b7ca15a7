"""The accuracy of every class under two changes of the network, and the images that both lose."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.charts.before_after import MOST_ROWS, before_after, before_after_frame
from explorer.class_effects import lost_and_gained
from explorer.format import count, number
from explorer.navigate import View
from explorer.widgets.chart import draw_chart
from explorer.widgets.html import heading, note
from precompute.measures.drops import Answers
from precompute.measures.paired import drop_interval
from precompute.measures.shared_losses import SharedLosses, shared_losses
from precompute.store.records import Flips

Bools = NDArray[np.bool_]
Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Changed:
    """The network under one change.

    Parameters
    ----------
    words : str
        The change in words, such as ``without unit 4``.
    right : (image,) bool array
        Whether the network is right on each image under the change.
    """

    words: str
    right: Bools

    @classmethod
    def of(cls, words: str, flips: Flips, before: Answers) -> "Changed":
        """Return the changed network, given the answers that change."""
        lost, gained = lost_and_gained(flips, before)
        right = np.array(before.right)
        right[flips.image[lost]] = False
        right[flips.image[gained]] = True
        return cls(words, right)

    def drop(self, before: Answers) -> Floats:
        """Return the accuracy that each class loses, (class,); NaN for classes without images."""
        return _shares(before, before.right) - _shares(before, self.right)


def show(view: View, one: Changed, other: Changed, before: Answers, *, key: str, place: tuple[str, ...]) -> None:
    """Say how many images both changes lose, and draw the accuracy of every class under each change.

    Parameters
    ----------
    view : View
        The open store and the selection.
    one, other : Changed
        The network under the two changes.
    before : Answers
        The answers of the unchanged network.
    key : str
        Identifies the chart on its page.
    place : tuple of str
        The part of the store that the chart is about, such as layer and unit, for the caption.
    """
    lost, other_lost = (before.right & ~each.right for each in (one, other))
    note(shared_words(shared_losses(lost, other_lost, before.right, before.label), one.words, other.words))
    only_one, only_other = (
        np.bincount(before.label[kept], minlength=before.n_classes)
        for kept in (one.right & ~other.right, other.right & ~one.right)
    )
    accuracy = _shares(before, one.right)
    low, high = drop_interval(only_one, only_other, before.count)
    frame = before_after_frame(
        view.store.classes.title,
        accuracy,
        _shares(before, other.right),
        low=np.clip(accuracy - high, 0, 1),
        high=np.clip(accuracy - low, 0, 1),
        tallies=[f"{a:,} and {b:,}" for a, b in zip(only_one, only_other, strict=True)],
    )
    heading("Accuracy of every class", f"ring: {one.words}; point: {other.words}, with a 95 % interval")
    draw_chart(
        lambda: before_after(frame, "accuracy, %", tally_room=0.2),
        key=key,
        says=f"For each class its accuracy {one.words} (ring) and {other.words} (point)",
        origin=view.origin(*place),
    )
    note(
        f"At the right: images right only {one.words}, and only {other.words}. The interval is that of the difference, "
        "for one class alone; of many classes some differ by chance. The classes that differ most, "
        f"{MOST_ROWS} at most."
    )


def shared_words(found: SharedLosses, one: str, other: str) -> str:
    """Say how many images are lost under both changes, and how many would be lost under both by chance."""
    if not found.one or not found.other:
        return f"No image is lost {one if not found.one else other}, so the two share none."
    chance = number(found.expected, 1)
    spread = f", give or take {number(found.deviation, 1)}" if found.deviation else ""
    verb = "is" if found.one == 1 else "are"
    return (
        f"{count(found.one, 'image')} {verb} lost {one}, {found.other:,} {other}, and {found.shared:,} in both cases. "
        f"If each had lost as many images of each class at random, both would lose {chance}{spread}."
    )


def _shares(before: Answers, right: Bools) -> Floats:
    """Return the share of each class's images that are right, (class,); NaN for classes without images."""
    n_right = np.bincount(before.label[right], minlength=before.n_classes)
    return np.asarray(n_right / np.where(before.count, before.count, np.nan))
