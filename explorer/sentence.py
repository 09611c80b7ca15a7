"""One sentence that says in numbers what a unit does, and what it would be wrong to say."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.evidence import CALLED, Evidence
from explorer.impact import Impact
from explorer.text import count, number, points, probability

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Span:
    """A piece of the sentence; the strong ones are what a hurried reader takes away."""

    text: str
    strong: bool = False


def as_html(spans: Sequence[Span]) -> str:
    """Return the sentence as HTML, its words literal."""
    return "".join(f"<b>{html.escape(s.text)}</b>" if s.strong else html.escape(s.text) for s in spans)


def describe(
    unit: int, titles: Sequence[str], profile: Floats, preferred: Sequence[int], loss: Sequence[Span], *, dead: bool
) -> list[Span]:
    """Say what drives a unit and what is lost without it.

    Parameters
    ----------
    unit : int
        Its number.
    titles : sequence of str
        Titles of the classes.
    profile : (class,) array
        Its mean activation by class; NaN for classes without images.
    preferred : sequence of int
        The classes of which it answers most to one, see :func:`precompute.measures.preferred.preferred_classes`.
    loss : sequence of Span
        What is lost without it: a clause from :func:`without`.
    dead : bool
        Whether it is zero everywhere on every image.
    """
    if dead:
        return [Span(f"Unit {unit} is "), Span("dead", True), Span(_DEAD)]
    return [
        *_drive(unit, titles, profile, preferred),
        Span(" Without it, "),
        *loss,
    ]


_DEAD = ": it is zero everywhere on every image, so nothing drives it and nothing changes without it."


def _drive(unit: int, titles: Sequence[str], profile: Floats, preferred: Sequence[int]) -> list[Span]:
    if np.isnan(profile).all():
        return [Span(f"Unit {unit} has no class profile.")]
    if not preferred:
        return [Span(f"Unit {unit} answers most to no few classes that its images settle.")]
    if len(preferred) > 1:
        return [Span(f"Unit {unit} answers most to "), *_or(titles, preferred), Span(", not settled which.")]
    best = preferred[0]
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

    Where there is evidence, the drop is one that is right also for a unit that is looked at because of its drop. A
    number that no test tells from chance is never strong.
    """
    if evidence is None:
        return [*breakage(titles, impact), *_altogether(impact, None)]
    if not impact.lost.any():
        return [*breakage(titles, impact), *_altogether(impact, evidence)]
    return [*quoted(titles, evidence), *_altogether(impact, evidence)]


def quoted(titles: Sequence[str], evidence: Evidence) -> list[Span]:
    """Say which class needs the unit most, what it loses and how sure that is, after "without it"."""
    test = _test(titles, evidence)
    if not evidence.named:
        return [Span("no single class stands out", True), Span(f" ({test})" if test else "")]
    if len(evidence.named) > 1:
        return [
            *_or(titles, evidence.named),
            Span(f" loses most, not settled which{f' ({test})' if test else ''}"),
        ]
    low, high = (points(end, evidence.n_images) for end in (evidence.low, evidence.high))
    interval = f"95 % interval {'just above 0' if evidence.low > 0 and float(low) == 0 else low} to {high}"
    said = f" ({interval}{'; ' if test else ''}{test})"
    if np.isnan(evidence.drop):
        tally = f" loses {evidence.lost} of {count(evidence.n_images, 'image')}, gains {evidence.gained}"
        return [
            Span(titles[evidence.named[0]], True),
            Span(tally),
            Span(said.replace("interval", "interval of points", 1)),
        ]
    sure = evidence.q <= CALLED
    size = points(evidence.drop, evidence.n_images)
    return [Span(titles[evidence.named[0]], sure), Span(" loses about "), Span(f"{size} points", sure), Span(said)]


def _or(titles: Sequence[str], classes: Sequence[int]) -> list[Span]:
    """Name several classes of which it is one."""
    names = [titles[index] for index in classes]
    spans = [Span(names[0], True)]
    for joint, name in zip([", "] * (len(names) - 2) + [" or "], names[1:], strict=True):
        spans += [Span(joint), Span(name, True)]
    return spans


def _test(titles: Sequence[str], evidence: Evidence) -> str:
    if np.isnan(evidence.q):
        return ""
    said = f"q {probability(evidence.q)}"
    if evidence.q <= CALLED:
        return said
    said += ": not enough images to tell a loss from chance"
    if evidence.certainty_class is None or not evidence.certainty_q <= CALLED:
        return said
    less = f"images of {titles[evidence.certainty_class]} become less certain"
    return f"{said}, but {less}, q {probability(evidence.certainty_q)}"


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


def _altogether(impact: Impact, evidence: Evidence | None) -> list[Span]:
    """Say what all classes together lose, strongly only where a test tells it from chance."""
    n_images = int(impact.n_images.sum())
    overall = points(abs(impact.overall), n_images)
    if impact.overall == 0:
        return [Span("; all classes together stay as they were.")]
    if float(overall) == 0:
        return [Span("; all classes together change by less than 0.01 points.")]
    verb = "lose" if impact.overall > 0 else "gain"
    sure = evidence is not None and evidence.overall_q <= CALLED
    return [
        Span(f"; all classes together {verb} "),
        Span(f"{overall} points", sure),
        Span("." if evidence is None else f" ({_overall_test(impact, evidence)})."),
    ]


def _overall_test(impact: Impact, evidence: Evidence) -> str:
    n_images, gain = int(impact.n_images.sum()), impact.overall < 0
    ends = (-evidence.overall_high, -evidence.overall_low) if gain else (evidence.overall_low, evidence.overall_high)
    low, high = (points(end, n_images) for end in ends)
    said = f"95 % interval {low} to {high}, q {probability(evidence.overall_q)}"
    return said if evidence.overall_q <= CALLED else f"{said}: within chance"
