"""Things: a shape with a colour and a texture, painted somewhere on the sheet."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from precompute.images.drawing.geometry import Polygons, Pose
from precompute.images.drawing.palette import shade
from precompute.images.drawing.shapes import SHAPES, Detail
from precompute.images.drawing.sheet import Sheet, blur
from precompute.images.drawing.textures import TEXTURES

_RIM = 0.035  # width of the dark rim around a body, in units of length
_SHADOW = 0.14  # how far the shadow falls to the right and down, in units of length
_ACCENTS = ("white", "white", "white", "black", "yellow", "blue")  # a texture's second colour; white suits most


@dataclass(frozen=True)
class Thing:
    """One object of a scene.

    Attributes
    ----------
    shape, texture, colour : str
        Part names.
    pose : Pose
        Where it is. Its angle is a share of the shape's lean, -1 to 1: a boat stays nearly upright, a leaf need not.
    """

    shape: str
    texture: str
    colour: str
    pose: Pose


def paint_thing(sheet: Sheet, thing: Thing, rng: np.random.Generator) -> None:
    """Paint a thing over what is there, with its shadow.

    Parameters
    ----------
    sheet : Sheet
        What to paint on.
    thing : Thing
        What to paint.
    rng : numpy.random.Generator
        Chance, for the shade of its colours and the details of shape and texture.
    """
    figure = SHAPES[thing.shape](rng)
    pose = replace(thing.pose, angle=thing.pose.angle * figure.lean)
    window = sheet.window(pose, figure.reach)
    body = pose.place(figure.body)
    _cast_shadow(window, body, pose)
    _paint_details(window, figure.behind, thing, pose)
    _paint_body(window, body, replace(thing, pose=pose), rng)
    _paint_details(window, figure.front, thing, pose)


def _cast_shadow(sheet: Sheet, body: Polygons, pose: Pose) -> None:
    cast = blur(sheet.cover([polygon + _SHADOW * pose.size for polygon in body]), 0.08 * pose.size)
    sheet.shade(1 - np.float32(0.4) * cast)


def _paint_details(sheet: Sheet, details: Iterable[Detail], thing: Thing, pose: Pose) -> None:
    for detail in details:
        parts = {"background": None, "shape": thing.shape, "texture": None, "colour": detail.colour}
        sheet.paint(sheet.cover(pose.place(detail.polygons)), shade(detail.colour, 0.5), parts)


def _paint_body(sheet: Sheet, body: Polygons, thing: Thing, rng: np.random.Generator) -> None:
    colour, pose = shade(thing.colour, rng.uniform()), thing.pose
    parts = {"background": None, "shape": thing.shape, "texture": None, "colour": thing.colour}
    sheet.paint(sheet.cover(body, grow=_RIM * pose.size), colour * np.float32(0.55), parts)
    inside, light = sheet.cover(body), _roundness(sheet, pose)
    sheet.paint(inside, colour * light, parts | {"texture": thing.texture})
    pattern = TEXTURES[thing.texture](rng)
    if len(pattern):
        accent = str(rng.choice([name for name in _ACCENTS if name != thing.colour]))
        sheet.paint(inside * sheet.cover(pose.place(pattern)), shade(accent, rng.uniform()) * light, {"colour": accent})


def _roundness(sheet: Sheet, pose: Pose) -> np.ndarray:
    """Return a (height, width, 1) factor: light falls from the upper left and fades to the far side."""
    height, width = sheet.picture.shape[:2]
    across = (np.arange(width) + sheet.left - pose.x) / pose.size + 0.35
    down = (np.arange(height) + sheet.top - pose.y) / pose.size + 0.4
    far = down[:, None] ** 2 + across**2
    return (1.14 - 0.16 * np.minimum(far, 3)).astype(np.float32)[:, :, None]
