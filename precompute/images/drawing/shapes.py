"""Shapes: what the pictures are of, as polygons in a frame about one unit in radius.

Only the body of a figure carries the colour and the texture that a class is named for; the rest (a mast, a tail, an
eye) has colours of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from precompute.images.drawing.geometry import Polygon, arc, corners, direction, ellipse, smooth, stroke, wave


@dataclass(frozen=True)
class Detail:
    """Small things of one colour that belong to a figure: polygons, and the colour's name."""

    colour: str
    polygons: list[Polygon]


@dataclass(frozen=True)
class Figure:
    """A shape, ready to be painted.

    Attributes
    ----------
    body : list of (corner, 2) arrays
        What is coloured and textured.
    behind, front : tuple of Detail
        What is painted before and after the body.
    lean : float
        The largest turn, in radians, at which the shape still looks at home.
    reach : float
        How far any of it, its rim and shadow included, can lie from the centre.
    """

    body: list[Polygon]
    behind: tuple[Detail, ...] = ()
    front: tuple[Detail, ...] = ()
    lean: float = np.pi
    reach: float = 1.5


def _ball(rng: np.random.Generator) -> Figure:
    return Figure([ellipse(0, 0, 0.95, 0.95, steps=60)], lean=0.5)


def _boat(rng: np.random.Generator) -> Figure:
    hull = corners((-1.1, 0.35), (1.1, 0.35), (0.72, 0.95), (-0.72, 0.95))
    mast = stroke(corners((0, -1.15), (0, 0.4)), 0.09)
    sails = [corners((0.1, -1.05), (0.1, 0.2), (0.95, 0.2)), corners((-0.1, -0.85), (-0.1, 0.2), (-0.75, 0.2))]
    return Figure([hull], behind=(Detail("brown", [mast]), Detail("white", sails)), lean=0.2)


def _fish(rng: np.random.Generator) -> Figure:
    height = rng.uniform(0.52, 0.66)
    tail = smooth(corners((0.6, 0), (1.25, -0.55), (1.08, 0), (1.25, 0.55)), 1)
    fin = smooth(corners((-0.3, -height * 0.85), (0.15, -height - 0.3), (0.4, -height * 0.7)), 1)
    eye = Detail("white", [ellipse(-0.5, -0.12, 0.15, 0.15, steps=20)])
    pupil = Detail("black", [ellipse(-0.53, -0.12, 0.08, 0.08, steps=16)])
    return Figure([tail, fin, ellipse(-0.1, 0, 0.88, height)], front=(eye, pupil), lean=0.5, reach=1.6)


def _heart(rng: np.random.Generator) -> Figure:
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    sine = direction(turn)[1]
    down = [weight * direction(times * turn)[0] for times, weight in ((1, -13), (2, 5), (3, 2), (4, 1))]
    return Figure([np.stack([sine * sine * sine, sum(down) / 16], axis=1)], lean=0.6)


def _kite(rng: np.random.Generator) -> Figure:
    top, side, bottom = rng.uniform(-1.15, -1.0), rng.uniform(0.68, 0.8), rng.uniform(1.0, 1.15)
    shoulder = top + 0.8
    tail = wave(np.linspace(0, 0.75, 12), 0, height=0.12, length=0.7)[:, ::-1] + (0, bottom)
    bow = corners((-0.15, -0.1), (0.15, 0.1), (0.15, -0.1), (-0.15, 0.1))
    spars = [stroke(corners((0, top), (0, bottom)), 0.05), stroke(corners((-side, shoulder), (side, shoulder)), 0.05)]
    return Figure(
        [corners((0, top), (side, shoulder), (0, bottom), (-side, shoulder))],
        behind=(
            Detail("brown", [stroke(tail, 0.06)]),
            Detail(str(rng.choice(["red", "blue", "yellow"])), [bow + tail[4], bow + tail[8]]),
        ),
        front=(Detail("brown", spars),),
        lean=0.6,
        reach=2.1,
    )


def _leaf(rng: np.random.Generator) -> Figure:
    return Figure([smooth(corners((-1, 0), (-0.3, -0.5), (0.5, -0.4), (1, 0), (0.5, 0.4), (-0.3, 0.5)))])


def _mushroom(rng: np.random.Generator) -> Figure:
    dome = arc(0, 0.1, 1.05, rng.uniform(0.85, 1.05), turns=(1, 2))
    stem = smooth(corners((-0.3, 0.1), (0.3, 0.1), (0.4, 1.1), (-0.4, 1.1)), 1)
    cap = np.concatenate([dome, arc(0, 0.1, 1.05, 0.22, turns=(0, 1))])
    return Figure([cap], behind=(Detail("white", [stem]),), lean=0.25)


def _pebble(rng: np.random.Generator) -> Figure:
    cosine, sine = direction(np.arange(7) * 2 * np.pi / 7)
    radius = rng.uniform(0.6, 0.95, 7)
    return Figure([smooth(np.stack([radius * cosine, radius * sine], axis=1))])


def _pennant(rng: np.random.Generator) -> Figure:
    return Figure([corners((-0.8, -0.55), (1.0, 0), (-0.8, 0.55))])


def _star(rng: np.random.Generator) -> Figure:
    cosine, sine = direction(np.arange(10) * np.pi / 5 - np.pi / 2)
    radius = np.where(np.arange(10) % 2, rng.uniform(0.46, 0.56), 1.15)
    return Figure([smooth(np.stack([radius * cosine, radius * sine], axis=1))], lean=0.6)


def _umbrella(rng: np.random.Generator) -> Figure:
    rise = rng.uniform(0.85, 1.0)
    dome = arc(0, 0.1, 1.1, rise, turns=(1, 2))
    hem = [arc(x, 0.1, 0.275, 0.13, turns=(2, 1)) for x in (0.825, 0.275, -0.275, -0.825)]
    hook = arc(0.14, 1.05, 0.14, 0.16, turns=(1, 0))
    stick = stroke(np.concatenate([corners((0, -0.9), (0, 1.05)), hook[1:]]), 0.1)
    tip = stroke(corners((0, -0.06 - rise), (0, 0.2 - rise)), 0.1)
    return Figure([np.concatenate([dome, *hem])], behind=(Detail("brown", [stick, tip]),), lean=0.5)


SHAPES: dict[str, Callable[[np.random.Generator], Figure]] = {
    "ball": _ball,
    "boat": _boat,
    "fish": _fish,
    "heart": _heart,
    "kite": _kite,
    "leaf": _leaf,
    "mushroom": _mushroom,
    "pebble": _pebble,
    "pennant": _pennant,
    "star": _star,
    "umbrella": _umbrella,
}
"""Shape name -> its figure, a little different at each call."""
