"""The details under the headline of a unit: intervals, tests, counts and their meaning.

Differences of accuracy are given as lost or gained, never with a sign.
"""

import math
from collections.abc import Sequence

import numpy as np

from explorer.class_effects import ClassEffects, Move
from explorer.class_preference import Profile, Strongest
from explorer.drop_test import CALLED, DropTest
from explorer.format import count, decimals_for, is_told, number, probability, some_points
from explorer.headline import worst_class
from precompute.measures.quoted import FEWEST_IMAGES

_FEW_CLASSES = 5
_OF_ALL_AT_ONCE = "The interval is wide enough to hold for every unit of the layer at once."


def of_drive(titles: Sequence[str], profile: Profile, images: Strongest) -> list[str]:
    """Give the evidence for the words on a unit's drive: numbers on its class on average and its strongest images."""
    best, leader = profile.best, images.leader
    said = []
    if best is None and leader is not None:
        said.append(_share(images, leader, titles))
    elif best is not None:
        said += _times(titles[best], profile)
    if best is not None and images.differs(best):
        said.append(_share(images, best, titles))
    said += _by_chance(profile)
    if profile.signed:
        said.append("This layer goes below zero: only the part above zero counts here, as for class selectivity.")
    return said


def _times(title: str, profile: Profile) -> list[str]:
    """Say how many times as strongly a unit answers to its class, with the interval, or the interval alone."""
    low, high = profile.times
    if math.isnan(low):
        return []
    ratio, *ends = (number(each, 1 if high < 100 else 0) for each in (profile.ratio, low, high))
    span = f"95 % interval: {ends[0]} to {ends[1]}"
    mean = f"Over all images the mean of {title} is"
    if profile.ratio_settled:
        return [f"{mean} {ratio} times that of the other classes ({span})."]
    return [f"{mean} larger than that of the other classes, not settled how many times ({span})."]


def _by_chance(profile: Profile) -> list[str]:
    """Say how often a class is named by chance, where classes are so few that it happens at all."""
    n_classes = int((~np.isnan(profile.mean)).sum())
    if not profile.tested or not profile.preferred or profile.silent or not 2 <= n_classes <= _FEW_CLASSES:
        return []
    return [f"With {n_classes} classes, one or two in a hundred units that know no class have one named by chance."]


def _share(images: Strongest, c: int, titles: Sequence[str]) -> str:
    """Say how many of the strongest images are of a class."""
    n = int(images.count[c])
    some, verb = f"{n:,}" if n else "None", "is" if n <= 1 else "are"
    among = f"its {count(images.n_images, 'strongest image')}"
    if images.at_ceiling:
        among = f"the {count(images.n_images, 'image')} that reach the value of its strongest ones"
    return f"{some} of {among} {verb} of {titles[c]}."


def of_loss(titles: Sequence[str], effects: ClassEffects, test: DropTest | None) -> list[str]:
    """Give the evidence for the words about a unit's loss: of one class, then of all together."""
    return [*of_class(titles, effects, test), *_of_all(effects, test)]


def of_class(titles: Sequence[str], effects: ClassEffects, test: DropTest | None) -> list[str]:
    """Give the evidence for the words about the class that loses most."""
    if not effects.lost.any():
        return [] if test is None else _certainty(titles, test)
    if test is None:
        return _untested(titles, effects)
    return [*_tested(titles, test), *_certainty(titles, test)]


def _untested(titles: Sequence[str], effects: ClassEffects) -> list[str]:
    worst = worst_class(effects)
    if worst is None:
        return [f"{count(int(effects.lost.sum()), 'image')} lost and {int(effects.gained.sum()):,} gained."]
    doubt = "" if effects.low[worst] > 0 else ": not enough images to tell it from chance"
    return [f"{_tally(titles[worst], effects.lost[worst], effects.n_images[worst], effects.gained[worst])}{doubt}."]


def _tally(title: str, lost: int, n_images: int, gained: int) -> str:
    return (
        f"{lost:,} of {count(int(n_images), 'image')} of {title} {'is' if lost == 1 else 'are'} lost, {gained:,} gained"
    )


def _tested(titles: Sequence[str], test: DropTest) -> list[str]:
    if math.isnan(test.q):
        return []
    q = f"q {probability(test.q)}"
    if len(test.named) != 1:
        doubt = "" if test.q <= CALLED else ": not enough images to tell a loss from chance"
        return [f"The largest loss of a class has {q}{doubt}."]
    title = titles[test.named[0]]
    span = f"95 % interval: {between(test.low, test.high, test.n_images)}; {q}"
    tally = _tally(title, test.lost, test.n_images, test.gained)
    if test.q <= CALLED:
        return [f"{tally} ({span}).", *_meant(test)]
    return [f"{tally}, the largest loss ({span}: not enough images to tell a loss from chance).", *_meant(test)]


def _meant(test: DropTest) -> list[str]:
    if math.isnan(test.drop):
        why = f"fewer than {FEWEST_IMAGES} images of it" if test.n_images < FEWEST_IMAGES else "the layer's images"
        return [f"Only an interval is given: {why} do not settle one number to within about a point."]
    if not test.q <= CALLED:
        return []
    return [
        "A unit that is picked for a large drop tends to show too large a one. So this drop is drawn towards those of "
        "the layer's other units."
    ]


def _certainty(titles: Sequence[str], test: DropTest) -> list[str]:
    """Say that images become less certain, where their answers cannot tell a loss."""
    if test.q <= CALLED or test.certainty_class is None or not test.certainty_q <= CALLED:
        return []
    title = titles[test.certainty_class]
    return [f"But images of {title} become less certain, q {probability(test.certainty_q)}."]


def _of_all(effects: ClassEffects, test: DropTest | None) -> list[str]:
    lost, gained, n_images = (int(each.sum()) for each in (effects.lost, effects.gained, effects.n_images))
    if not lost and not gained:
        return ["All classes together stay as they were."]
    said = f"All classes together: {lost:,} of {count(n_images, 'image')} lost, {gained:,} gained"
    if test is None:
        return [f"{said}."]
    called = test.overall_q <= CALLED
    span = between(test.overall_low, test.overall_high, n_images)
    doubt = "" if called else ", within chance"
    found = [f"{said}{doubt} (95 % interval: {span}; q {probability(test.overall_q)}). {_OF_ALL_AT_ONCE}"]
    if called and test.overall_low <= 0 <= test.overall_high:
        found.append("So it may include zero beside a small q.")
    return found


def of_move(titles: Sequence[str], move: Move | None) -> list[str]:
    """Say that one class gains what another loses; nothing where there is no such move."""
    if move is None:
        return []
    source, target = titles[move.source], titles[move.target]
    return [
        f"{count(move.n_images, 'image')} of {move.n_changed:,} that change their answer move from {source} to "
        f"{target}: {source} loses {move.lost:,} of them, {target} gains {move.gained:,}."
    ]


def lost_or_gained(drop: float, n_images: int) -> str:
    """Return a drop in words, such as ``3 points lost`` or ``1 point gained``."""
    return "no change" if drop == 0 else f"{_size(drop, n_images)} {_way(drop)}"


def between(low: float, high: float, n_images: int) -> str:
    """Return the limits of a drop in words, such as ``between 2 points gained and 5 points lost``."""
    if low == 0 or high == 0 or _way(low) != _way(high):
        return f"between {lost_or_gained(low, n_images)} and {lost_or_gained(high, n_images)}"
    small, large = sorted((low, high), key=abs)
    near = some_points(abs(small), n_images).split()[0] if is_told(small, n_images) else "just above 0"
    return f"between {near} and {_size(large, n_images)} {_way(low)}"


def _way(drop: float) -> str:
    return "lost" if drop > 0 else "gained"


def _size(drop: float, n_images: int) -> str:
    """Return a non-zero difference without its sign; one that would round to zero is given as a bound."""
    if is_told(drop, n_images):
        return some_points(abs(drop), n_images)
    smallest = 10.0 ** -decimals_for(n_images)
    return f"less than {some_points(smallest / 100, n_images)}"
