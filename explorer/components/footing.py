"""What the numbers about a unit's drops stand on, quietly, below the sentence that tells them."""

import math

from explorer import evidence
from explorer.components.html import note
from explorer.evidence import Evidence
from explorer.navigate import View
from explorer.text import count, probability
from precompute.measures.quoted import FEWEST_IMAGES, SETTLED

_MOST_NAMED = 5


def footing(view: View, found: Evidence | None) -> None:
    """Say what the drop of the sentence stands on; without statistics, how to add them."""
    if found is None:
        note(
            "Without statistics of this version of the program the class is picked and its drop read on the same "
            "images, so the drop is rather too large, and no test stands beside it. "
            f"`python -m precompute experiment {evidence.NAME} {view.source.path}` adds a drop to quote and its tests."
        )
        return
    said = " ".join(part for part in (_tally(view, found), _test(found), _apart(view)) if part)
    if said:
        note(said)


def _tally(view: View, found: Evidence) -> str:
    if len(found.named) > 1:
        return (
            "One of the classes named loses most with a probability of at least 90 %; which one, other images might "
            "tell otherwise, so no number is given."
        )
    if not found.named:
        return ""
    counted = f"{found.lost} of {count(found.n_images, 'image')} of {view.store.classes.title[found.named[0]]} are lost"
    if math.isnan(found.drop):
        why = f"fewer than {FEWEST_IMAGES} images of it" if found.n_images < FEWEST_IMAGES else "the layer's images"
        return f"The drop is told as an interval: {why} do not settle one number to within {100 * SETTLED:g} point."
    return (
        f"{counted}, {found.gained} gained; the number told is drawn towards what the layer's other units do, so that "
        "it is right also for a unit that is looked at because its drop is large."
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
