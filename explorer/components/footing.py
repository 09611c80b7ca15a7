"""What the numbers about a unit's drops stand on, quietly, below the sentence that tells them."""

import math

from explorer import evidence
from explorer.components.html import note
from explorer.evidence import Evidence
from explorer.navigate import View
from explorer.text import count, probability

_MOST_NAMED = 5


def footing(view: View, found: Evidence | None) -> None:
    """Say on which images the drop of the sentence was read; without statistics, how to add them."""
    if found is None:
        note(
            "The class was chosen and its drop read on the same images, so the drop is rather too large. "
            f"`python -m precompute experiment {evidence.NAME} {view.source.path}` reads it on images of their own."
        )
        return
    said = " ".join(part for part in (_tally(found), _test(found), _apart(view)) if part)
    if said:
        note(said)


def _tally(found: Evidence) -> str:
    if found.chosen is None:
        return ""
    return (
        f"The class is chosen on one half of the images and its drop read on the other: {found.lost} of "
        f"{count(found.n_images, 'image')} lost, {found.gained} gained."
    )


def _test(found: Evidence) -> str:
    if math.isnan(found.q) or found.p >= 1:
        return ""
    return (
        f"That some class loses as much by chance has the exact probability p {probability(found.p)}; q is the false "
        "discovery rate over the units of the layer."
    )


def _apart(view: View) -> str:
    """Name the classes that are set apart."""
    apart = [view.store.classes.title[index] for index in evidence.set_apart(view.store)]
    if not apart:
        return ""
    named = ", ".join(apart[:_MOST_NAMED]) + (" and others" if len(apart) > _MOST_NAMED else "")
    verb = "is" if len(apart) == 1 else "are"
    return (
        f"{count(len(apart), 'class', 'classes')} {verb} set apart, having nothing to lose (accuracy below 10 %): "
        f"{named}."
    )
