"""What the sentence about a unit stands on, quietly, below it."""

from explorer import details, evidence
from explorer.components.html import notes
from explorer.drive import Profile, Strongest
from explorer.evidence import Evidence
from explorer.impact import Impact, Move
from explorer.navigate import View
from explorer.text import count

_MOST_NAMED = 5


def footing(
    view: View, profile: Profile, images: Strongest, effect: Impact, found: Evidence | None, move: Move | None
) -> None:
    """Say what the numbers of the sentence stand on; without statistics, how to add them."""
    titles = view.store.classes.title
    paragraphs = (
        [*details.of_loss(titles, effect, found), *_set_apart(view)],
        details.of_move(titles, move),
        details.of_drive(titles, profile, images),
        [] if found is not None else _no_statistics(view),
    )
    notes(" ".join(said) for said in paragraphs)


def _no_statistics(view: View) -> list[str]:
    return [
        "Without statistics of this version of the program the class is picked and its drop read on the same images, "
        "so the drop is rather too large, and no test stands beside it.",
        f"`python -m precompute experiment {evidence.NAME} {view.source.quoted}` adds a drop to quote and its tests.",
    ]


def _set_apart(view: View) -> list[str]:
    """Name the classes that are set apart."""
    apart = [view.store.classes.title[index] for index in evidence.set_apart(view.store)]
    if not apart:
        return []
    named = ", ".join(apart[:_MOST_NAMED]) + (" and others" if len(apart) > _MOST_NAMED else "")
    verb = "is" if len(apart) == 1 else "are"
    said = f"{verb} set apart, having nothing to lose (accuracy below 10 %): {named}."
    return [f"{count(len(apart), 'class', 'classes')} {said}"]
