"""The headline of a unit: one thought a sentence, at most three numbers, no number in bold that may be chance.

The line below gives the evidence for the numbers; :mod:`explorer.headline_details` makes it.
"""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from explorer.class_effects import ClassEffects
from explorer.class_preference import Profile, Strongest
from explorer.drop_test import CALLED, DropTest
from explorer.format import count, number, some_points


@dataclass(frozen=True)
class Span:
    """A piece of a sentence; strong pieces are what a hurried reader should remember."""

    text: str
    strong: bool = False


def as_html(spans: Sequence[Span]) -> str:
    """Return the sentence as HTML, its words literal."""
    return "".join(f"<b>{html.escape(s.text)}</b>" if s.strong else html.escape(s.text) for s in spans)


def dead(unit: int) -> list[Span]:
    """Say that a unit is zero everywhere on every image."""
    said = ": it is zero everywhere on every image, so nothing drives it and nothing changes without it."
    return [Span(f"Unit {unit} is "), Span("dead", True), Span(said)]


def drive(unit: int, titles: Sequence[str], profile: Profile, images: Strongest) -> list[Span]:
    """Say which class a unit answers to on average, and the class of its strongest images where it is another.

    Parameters
    ----------
    unit : int
        Its number.
    titles : sequence of str
        Titles of the classes.
    profile : Profile
        How strongly it answers to each class.
    images : Strongest
        The classes of its strongest images.
    """
    if profile.silent:
        return [Span(f"Unit {unit} is never above zero." if profile.signed else f"Unit {unit} has no class profile.")]
    if not profile.tested:
        return [Span(f"Unit {unit} has its highest class mean for "), Span(titles[profile.highest], True), Span(".")]
    best = profile.best
    if int((~np.isnan(profile.mean)).sum()) == 1:
        said = f", so nothing tells which class unit {unit} answers to most."
        return [Span("All images are of "), Span(titles[profile.highest], True), Span(said)]
    if best is None and not profile.preferred:
        if profile.even:
            return [Span(f"Unit {unit} answers to all classes alike.")]
        return [Span(f"The images do not settle whether unit {unit} answers to one class most.")]
    if best is None:
        either = _joined([titles[index] for index in profile.preferred], "or")
        return [Span(f"Unit {unit} answers most to "), *either, Span(", not settled which.")]
    spans = [Span(f"Unit {unit} answers most to "), Span(titles[best], True)]
    if not images.differs(best):
        return [*spans, Span(f"{_times(profile.ratio) if profile.ratio_settled else ''}.")]
    leader = images.leader or 0
    of = f" ({images.count[leader]:,} of {images.n_images:,})."
    return [
        *spans,
        Span(" on average. The most frequent class of its strongest images is "),
        Span(titles[leader], True),
        Span(of),
    ]


def _times(ratio: float) -> str:
    if math.isnan(ratio):
        return ""
    if math.isinf(ratio):
        return " and to no other class"
    return f", {number(ratio, 1 if ratio < 100 else 0)} times as strongly as to other classes on average"


def without(titles: Sequence[str], effects: ClassEffects, test: DropTest | None) -> list[Span]:
    """Say what is lost without a unit: by one class, and by all together where a test tells that from chance.

    Where the store holds statistics, the drop is the drop to quote, which is right even for a unit selected for its
    drop. A number that no test tells from chance is never strong.
    """
    if not effects.lost.any() or test is None:
        return [Span("Without it, "), *breakage(titles, effects), Span("."), *_altogether(effects, test)]
    return [Span("Without it, "), *quoted(titles, test), Span("."), *_altogether(effects, test)]


def quoted(titles: Sequence[str], test: DropTest) -> list[Span]:
    """Say which class needs the unit most and what it loses, after "without it"."""
    if math.isnan(test.q):
        return [Span("no loss can be tested: no class has an accuracy of 10 % or more")]
    if not test.q <= CALLED:
        return [Span("no loss of any class can be told from chance")]
    if not test.named:
        return [Span("some class loses more than chance explains", True), Span(", but none can be named")]
    if len(test.named) > 1:
        start, last = ("either ", "or") if len(test.named) == 2 else ("one of ", "and")
        return [Span(start), *_joined([titles[index] for index in test.named], last), Span(" loses most")]
    only = Span(titles[test.named[0]], True)
    if math.isnan(test.drop):
        return [only, Span(" loses "), Span(f"{test.lost:,} of {count(test.n_images, 'image')}", True)]
    return [only, Span(" loses about "), Span(some_points(test.drop, test.n_images), True)]


def _joined(names: Sequence[str], last: str) -> list[Span]:
    """Name several classes, with a word before the last one."""
    spans = [Span(names[0], True)]
    for joint, name in zip([", "] * (len(names) - 2) + [f" {last} "], names[1:], strict=True):
        spans += [Span(joint), Span(name, True)]
    return spans


def breakage(titles: Sequence[str], effects: ClassEffects) -> list[Span]:
    """Say which class loses most without the unit, after "without it", where there is no test."""
    if not effects.lost.any():
        gained = int(effects.gained.sum())
        also = f" and {count(gained, 'image')} {'is' if gained == 1 else 'are'} gained" if gained else ""
        return [Span("no image of any class is lost"), Span(also)]
    worst = worst_class(effects)
    if worst is None:
        return [Span("no class loses more images than it gains")]
    sure = bool(effects.low[worst] > 0)
    size = some_points(float(effects.drop[worst]), int(effects.n_images[worst]))
    return [Span(titles[worst], sure), Span(" loses "), Span(size, sure)]


def worst_class(effects: ClassEffects) -> int | None:
    """Return the class of the largest drop; None where no class loses more images than it gains."""
    drop = np.where(np.isnan(effects.drop), -np.inf, effects.drop)
    return int(drop.argmax()) if drop.max() > 0 else None


def _altogether(effects: ClassEffects, test: DropTest | None) -> list[Span]:
    """Say what all classes together lose or gain, where a test tells it from chance."""
    if test is None or not test.overall_q <= CALLED or effects.overall == 0:
        return []
    # A unit that is called shows too large an overall drop, so no size is given.
    verb = "lose" if effects.overall > 0 else "gain"
    return [Span(" All classes together "), Span(f"{verb} more than chance explains", True), Span(".")]
