"""The notes below the headline of a unit."""

from explorer import drop_test, headline_details
from explorer.class_effects import ClassEffects, Move
from explorer.class_preference import Profile, Strongest
from explorer.drop_test import DropTest
from explorer.navigate import View
from explorer.widgets.html import notes
from precompute.store.keep import ACTIVATIONS


def show(
    view: View, profile: Profile, images: Strongest, effect: ClassEffects, found: DropTest | None, move: Move | None
) -> None:
    """Say on what the numbers of the headline rest; if the store has no statistics, say how to add them."""
    titles = view.titles
    paragraphs = (
        [*headline_details.of_loss(titles, effect, found), drop_test.left_out_said(view.store)],
        headline_details.of_move(titles, move),
        [*headline_details.of_drive(titles, profile, images), *_not_tested(view, profile)],
        [] if found is not None else _no_statistics(view),
    )
    notes(" ".join(said) for said in paragraphs)


def _not_tested(view: View, profile: Profile) -> list[str]:
    """Say that the class with the highest mean was not tested against chance, if the store does not allow the test."""
    if profile.tested or profile.silent:
        return []
    return [f"Other images might name another class. {view.store.lacks(ACTIVATIONS)}"]


def _no_statistics(view: View) -> list[str]:
    return [
        "The class was chosen on the same images that its drop is measured on. So the drop is biased upwards. No test "
        "tells it from chance: the store holds no statistics of this version of the program.",
        f"`python -m precompute experiment {drop_test.NAME} {view.source.quoted}` adds a drop to quote and its tests.",
    ]
