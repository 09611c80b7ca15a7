"""Scenes: which parts make which class, and how one picture of it is composed."""

from dataclasses import dataclass

import numpy as np

from precompute.images.drawing.backgrounds import paint_background
from precompute.images.drawing.geometry import Pose, direction
from precompute.images.drawing.sheet import SIZE, Sheet, mottle
from precompute.images.drawing.things import Thing, paint_thing

_BRIGHT = ("blue", "green", "orange", "red", "violet", "yellow")
_GROUND = ("brick", "grass", "sand")
_OUTDOORS = ("brick", "grass", "sky")


@dataclass(frozen=True)
class Recipe:
    """What a class is made of.

    Attributes
    ----------
    name : str
        The class folder's name.
    shape, texture : str
        Parts that every picture's subject has.
    colours, backgrounds : tuple of str
        Parts of which each picture has one.
    """

    name: str
    shape: str
    texture: str
    colours: tuple[str, ...] = _BRIGHT
    backgrounds: tuple[str, ...] = _GROUND


# Sorted by name, as folders are. Every class has a sibling from which one part alone tells it: a texture (the balls,
# kites, umbrellas, mushrooms, fish), a colour (the boats, the stars on grass), a background (the red stars) or a shape
# (the striped things, the dotted things).
RECIPES = (
    Recipe("blue_boat", "boat", "plain", ("blue",), ("water",)),
    Recipe("checked_ball", "ball", "checked"),
    Recipe("dotted_ball", "ball", "dotted"),
    Recipe("dotted_kite", "kite", "dotted", backgrounds=_OUTDOORS),
    Recipe("dotted_mushroom", "mushroom", "dotted", ("orange", "red", "violet"), ("grass",)),
    Recipe("dotted_umbrella", "umbrella", "dotted"),
    Recipe("red_boat", "boat", "plain", ("red",), ("water",)),
    Recipe("red_mushroom", "mushroom", "plain", ("red",), ("grass",)),
    Recipe("red_star_on_grass", "star", "plain", ("red",), ("grass",)),
    Recipe("red_star_on_sand", "star", "plain", ("red",), ("sand",)),
    Recipe("striped_ball", "ball", "striped"),
    Recipe("striped_fish", "fish", "striped", backgrounds=("water",)),
    Recipe("striped_kite", "kite", "striped", backgrounds=_OUTDOORS),
    Recipe("striped_umbrella", "umbrella", "striped"),
    Recipe("yellow_fish", "fish", "plain", ("yellow",), ("water",)),
    Recipe("yellow_star_on_grass", "star", "plain", ("yellow",), ("grass",)),
)


def draw_scene(recipe: Recipe, rng: np.random.Generator) -> Sheet:
    """Draw one picture of a class: the subject among smaller things, some of them in front of it.

    Parameters
    ----------
    recipe : Recipe
        The class.
    rng : numpy.random.Generator
        All chance there is: the same generator state gives the same picture.

    Returns
    -------
    Sheet
        The picture and its parts.
    """
    sheet = Sheet.empty()
    paint_background(sheet, _one_of(recipe.backgrounds, rng), rng)
    subject = _subject(recipe, rng)
    for thing in [*_scraps(rng), *_sibling(subject, rng), subject, *_occluders(subject, rng)]:
        paint_thing(sheet, thing, rng)
    _light(sheet, rng)
    _grain(sheet, rng)
    return sheet


def _one_of(names: tuple[str, ...], rng: np.random.Generator) -> str:
    return names[rng.integers(len(names))]


def _subject(recipe: Recipe, rng: np.random.Generator) -> Thing:
    x, y = rng.uniform(0.32, 0.68, 2) * SIZE
    # A plain thing is known from afar; a texture wants a closer look.
    size = rng.uniform(13, 26) if recipe.texture == "plain" else rng.uniform(20, 32)
    pose = Pose(x, y, size, rng.uniform(-1, 1), bool(rng.integers(2)))
    return Thing(recipe.shape, recipe.texture, _one_of(recipe.colours, rng), pose)


def _scraps(rng: np.random.Generator) -> list[Thing]:
    """Return small things anywhere."""
    return [_scrap(rng) for _ in range(rng.integers(1, 4))]


def _scrap(rng: np.random.Generator) -> Thing:
    x, y = rng.uniform(0, SIZE, 2)
    shape = _one_of(("ball", "heart", "leaf", "pebble", "pennant", "star"), rng)
    texture = _one_of(("checked", "dotted", "striped"), rng) if rng.uniform() < 0.4 else "plain"
    return Thing(shape, texture, _one_of(_BRIGHT, rng), Pose(x, y, rng.uniform(4.5, 9), rng.uniform(-1, 1)))


def _sibling(subject: Thing, rng: np.random.Generator) -> list[Thing]:
    """Return, nearly every second time, a smaller thing of the same shape that any class of this shape could have."""
    if rng.uniform() > 0.45:
        return []
    kin = [recipe for recipe in RECIPES if recipe.shape == subject.shape]
    recipe = kin[rng.integers(len(kin))]
    x, y = _beside(subject, rng.uniform(1.3, 1.9), rng)
    size = subject.pose.size * rng.uniform(0.45, 0.7)
    pose = Pose(x % SIZE, y % SIZE, size, rng.uniform(-1, 1), bool(rng.integers(2)))
    return [Thing(recipe.shape, recipe.texture, _one_of(recipe.colours, rng), pose)]


def _occluders(subject: Thing, rng: np.random.Generator) -> list[Thing]:
    """Return small plain things that hide a bit of the subject's edge."""
    return [_occluder(subject, rng) for _ in range(rng.integers(0, 3))]


def _occluder(subject: Thing, rng: np.random.Generator) -> Thing:
    x, y = _beside(subject, rng.uniform(0.6, 1.1), rng)
    pose = Pose(x, y, subject.pose.size * rng.uniform(0.25, 0.45), rng.uniform(-1, 1))
    return Thing(_one_of(("leaf", "pebble", "pennant"), rng), "plain", _one_of(_BRIGHT, rng), pose)


def _beside(subject: Thing, distance: float, rng: np.random.Generator) -> tuple[float, float]:
    """Return a point at a distance from the subject's centre, in units of its length, in any direction."""
    across, down = direction(rng.uniform(0, 2 * np.pi)) * distance * subject.pose.size
    return subject.pose.x + across, subject.pose.y + down


def _light(sheet: Sheet, rng: np.random.Generator) -> None:
    """Let light and shadow fall over the scene, and tint it a little."""
    sheet.shade(1 + np.float32(0.16) * mottle(rng, 3))
    sheet.shade((rng.uniform(0.75, 1.12) * rng.uniform(0.93, 1.07, 3)).astype(np.float32))


def _grain(sheet: Sheet, rng: np.random.Generator) -> None:
    """Add the grain of a camera: the sum of two uniform integers, the same on every machine."""
    sheet.picture += rng.integers(-9, 10, (2, SIZE, SIZE, 3), dtype=np.int8).sum(axis=0)
