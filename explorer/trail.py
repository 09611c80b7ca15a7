"""The pages that a reader has visited, so that the previous one is a click away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_LONGEST = 30


@dataclass(frozen=True)
class Stop:
    """One visited page: its file, its name for readers, and the parameters of its URL."""

    page: str
    name: str
    query: Mapping[str, str]


def step(trail: Sequence[Stop], here: Stop) -> tuple[Stop, ...]:
    """Return the visited pages with the page that is open now at the end.

    Changes on the same page stay one stop. Going back to the previous stop, by a link or the browser, removes the last
    one; any other page is added.
    """
    if trail and trail[-1].page == here.page:
        return (*trail[:-1], here)
    if len(trail) > 1 and trail[-2].page == here.page and dict(trail[-2].query) == dict(here.query):
        return tuple(trail[:-1])
    return (*trail[-_LONGEST:], here)
