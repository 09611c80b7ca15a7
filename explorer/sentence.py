"""One sentence that says in numbers what a unit does, and what it would be wrong to say."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.evidence import CALLED, Evidence
from explorer.impact import Impact
from explorer.text import count, number, points, probability, significant

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Span:
    """A piece of the sentence; the strong ones are what a hurried reader takes away."""

    text: str
    strong: bool = False


def as_html(spans: Sequence[Span]) -> str:
    """Return the sentence as HTML, its words literal."""
    return "".join(f"<b>{html.escape(s.text)}</b>" if s.strong else html.escape(s.text) for s in spans)


def describe(unit: int, titles: Sequence[str], profile: Floats, loss: Sequence[Span], *, dead: bool) -> list[Span]:
    """Say what drives a unit and what is lost without it.

    Parameters
    ----------
    unit : int
        Its number.
    titles : sequence of str
        Titles of the classes.
    profile : (class,) array
        Its mean activation by class; NaN for classes without images.
    loss : sequence of Span
        What is lost without it: a clause from :func:`without`.
    dead : bool
        Whether it is zero everywhere on every image.
    """
    if dead:
        return [Span(f"Unit {unit} is "), Span("dead", True), Span(_DEAD)]
    return [
        *_drive(unit, titles, profile),
        Span(" Without it, "),
        *loss,
    ]


_DEAD = ": it is zero everywhere on every image, so nothing drives it and nothing changes without it."


def _drive(unit: int, titles: Sequence[str], profile: Floats) -> list[Span]:
    if np.isnan(profile).all():
        return [Span(f"Unit {unit} has no class profile.")]
    best = int(np.nanargmax(profile))
    rest = np.delete(profile, best)
    spans = [Span(f"Unit {unit} answers most to "), Span(titles[best], True)]
    mean = float(np.nanmean(rest)) if (~np.isnan(rest)).any() else 0.0
    if mean > 0:
        ratio = float(profile[best]) / mean
        spans.append(
            Span(f", {number(ratio, 1 if ratio < 100 else 0)} times as strongly as to other classes on average")
        )
    return [*spans, Span(".")]


def without(titles: Sequence[str], impact: Impact, evidence: Evidence | None) -> list[Span]:
    """Say what is lost without a unit, after "without it": of one class, and of all together.

    Where there is evidence, the drop is the one on the half of the images that had no part in choosing the class, for
    the largest of many drops is too large.
    """
    if evidence is None or not impact.lost.any():
        return [*breakage(titles, impact), *_altogether(impact)]
    return [*held_out(titles, evidence), *_by_chance(evidence), *_altogether(impact)]


def held_out(titles: Sequence[str], evidence: Evidence) -> list[Span]:
    """Say what the class that needs the unit most loses on held-out images, how sure that is, after "without it"."""
    if evidence.chosen is None:
        return [Span("no class loses", True), Span(f" on the half of the images where one is chosen{_test(evidence)}")]
    size = points(abs(evidence.drop), evidence.n_images)
    low, high = (points(end, evidence.n_images) for end in (evidence.low, evidence.high))
    return [
        Span(titles[evidence.chosen], True),
        Span(" gains " if evidence.drop < 0 else " loses "),
        Span(f"{size} points", True),
        Span(f" on held-out images (95 % interval {low} to {high}{_test(evidence, '; ')})"),
    ]


def _test(evidence: Evidence, before: str = "; ") -> str:
    if np.isnan(evidence.q):
        return ""
    said = f"{before}q {probability(evidence.q)}"
    if evidence.q > CALLED:
        return f"{said}: not enough images to tell it from chance"
    if not evidence.low > 0:
        return f"{said}: some class loses, but not enough images to tell how much this one does"
    return said


def _by_chance(evidence: Evidence) -> list[Span]:
    if np.isnan(evidence.expected):
        return []
    return [
        Span(f"; by chance alone the class hit hardest would lose {significant(100 * evidence.expected, 2)} points")
    ]


def breakage(titles: Sequence[str], impact: Impact) -> list[Span]:
    """Say which class loses most when the unit is silenced; a clause that goes on from "without it"."""
    if not impact.lost.any():
        gained = int(impact.gained.sum())
        also = f" and {count(gained, 'image')} {'is' if gained == 1 else 'are'} gained" if gained else ""
        return [Span("no image of any class is lost", True), Span(also)]
    drop = np.where(np.isnan(impact.drop), -np.inf, impact.drop)
    worst = int(drop.argmax())
    if drop[worst] <= 0:
        lost, gained = int(impact.lost.sum()), int(impact.gained.sum())
        return [Span("no class loses", True), Span(f" ({lost} images lost, {gained} gained)")]
    n = int(impact.n_images[worst])
    tally = f" ({impact.lost[worst]} of {count(n, 'image')} lost, {impact.gained[worst]} gained{_doubt(impact, worst)})"
    return [
        Span(titles[worst], True),
        Span(" loses "),
        Span(f"{points(drop[worst], n)} points", True),
        Span(tally),
    ]


def _doubt(impact: Impact, worst: int) -> str:
    return "" if impact.low[worst] > 0 else ": not enough images to tell it from chance"


def _altogether(impact: Impact) -> list[Span]:
    n_images = int(impact.n_images.sum())
    overall = points(abs(impact.overall), n_images)
    if impact.overall == 0:
        return [Span("; all classes together stay as they were.")]
    if float(overall) == 0:
        return [Span("; all classes together change by less than 0.01 points.")]
    verb = "lose" if impact.overall > 0 else "gain"
    return [Span(f"; all classes together {verb} "), Span(f"{overall} points", True), Span(".")]
