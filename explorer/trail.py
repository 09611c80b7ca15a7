"""The pages that a reader came by, so that the one before is a click away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_LONGEST = 30


@dataclass(frozen=True)
class Stop:
    """One page on the way: its file, its name for readers, and what of it was looked at, as the URL says it."""

    page: str
    name: str
    query: Mapping[str, str]


def step(trail: Sequence[Stop], here: Stop) -> tuple[Stop, ...]:
    """Return the way so far with the page that is open now at its end.

    Who moves about on one page stays at one stop. Who goes back to the stop before, by a link or by the browser, is
    there again; anything else goes on.
    """
    if trail and trail[-1].page == here.page:
        return (*trail[:-1], here)
    if len(trail) > 1 and trail[-2].page == here.page and dict(trail[-2].query) == dict(here.query):
        return tuple(trail[:-1])
    return (*trail[-_LONGEST:], here)
