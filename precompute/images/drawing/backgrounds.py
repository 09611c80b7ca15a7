"""Backgrounds: what lies behind the things of a scene, over the whole sheet."""

from collections.abc import Callable

import numpy as np

from precompute.images.drawing.geometry import Pose, corners, ellipse, repeated, stroke, wave
from precompute.images.drawing.palette import Colour, shade
from precompute.images.drawing.sheet import SIZE, Sheet, blur, mottle

_EVERYWHERE = np.ones((SIZE, SIZE), dtype=np.float32)
_DOWN = np.linspace(0, 1, SIZE, dtype=np.float32)[:, None, None]  # (96, 1, 1): 0 at the top edge, 1 at the bottom
_HALF_BLADE = np.array([0.9, 0.0])  # half the foot of a blade of grass
_NEIGHBOUR = {"grass": "sand", "sand": "grass"}


def paint_background(sheet: Sheet, name: str, rng: np.random.Generator) -> None:
    """Paint a background; grass sometimes gives way to sand at one side of the sheet, and sand to grass.

    Parameters
    ----------
    sheet : Sheet
        An empty one.
    name : str
        One of `BACKGROUNDS`. It keeps more than half of the sheet.
    rng : numpy.random.Generator
        Chance.
    """
    BACKGROUNDS[name](sheet, rng)
    if name in _NEIGHBOUR and rng.uniform() < 0.5:
        other = Sheet.empty()
        BACKGROUNDS[_NEIGHBOUR[name]](other, rng)
        sheet.overlay(other, _one_side(sheet, rng))


def _one_side(sheet: Sheet, rng: np.random.Generator) -> np.ndarray:
    """Cover a side of the sheet up to a wavy edge."""
    edge = wave(np.linspace(-100, 100, 40), -rng.uniform(3, 30), height=rng.uniform(2, 5), length=rng.uniform(44, 88))
    side = np.concatenate([edge, corners((100, -150), (-100, -150))])
    return sheet.cover(Pose(SIZE / 2, SIZE / 2, 1, rng.uniform(-np.pi, np.pi)).place([side]))


def _fill(sheet: Sheet, top: Colour, bottom: Colour, parts: dict[str, str | None]) -> None:
    """Paint the whole sheet, from one colour at the top to another at the bottom."""
    sheet.paint(_EVERYWHERE, np.broadcast_to(top + _DOWN * (bottom - top), (SIZE, SIZE, 3)), parts)


def _tone(rng: np.random.Generator, low: float, high: float) -> np.float32:
    return np.float32(rng.uniform(low, high))


def _rgb(red: int, green: int, blue: int) -> Colour:
    return np.array([red, green, blue], dtype=np.float32)


def _brick(sheet: Sheet, rng: np.random.Generator) -> None:
    mortar = shade("beige", 0.1) * _tone(rng, 0.72, 0.9)
    _fill(sheet, mortar, mortar, {"background": "brick", "colour": "beige"})
    height, width, gap = rng.uniform(11, 15), rng.uniform(24, 32), rng.uniform(1.4, 2.2)
    right, down = width - gap, height - gap
    columns, rows = np.meshgrid(np.arange(-2, SIZE // 24 + 1), np.arange(-1, SIZE // 11 + 1))
    across = (columns + rng.uniform() + 0.5 * (rows % 2)) * width
    bricks = repeated(
        corners((0, 0), (right, 0), (right, down), (0, down)),
        np.stack([across.ravel(), ((rows + rng.uniform()) * height).ravel()], axis=1),
    )
    base, kind = _rgb(158, 88, 66) * _tone(rng, 0.85, 1.08), rng.integers(3, size=len(bricks))
    for index, lightness in enumerate((0.88, 1.0, 1.1)):
        sheet.paint(sheet.cover(bricks[kind == index]), base * np.float32(lightness), {"colour": "brown"})
    sheet.shade(1 + np.float32(0.06) * mottle(rng, 20))


def _grass(sheet: Sheet, rng: np.random.Generator) -> None:
    tone = _tone(rng, 0.85, 1.1)
    _fill(sheet, _rgb(112, 168, 76) * tone, _rgb(66, 126, 56) * tone, {"background": "grass", "colour": "green"})
    sheet.shade(1 + np.float32(0.12) * mottle(rng, 6))
    for lightness in (0.72, 0.86, 1.18):
        roots = rng.uniform(0, SIZE, (46, 2))
        tips = roots + np.stack([rng.uniform(-4, 4, 46), -rng.uniform(6, 13, 46)], axis=1)
        blades = np.stack([roots - _HALF_BLADE, tips, roots + _HALF_BLADE], axis=1)
        sheet.paint(sheet.cover(blades) * np.float32(0.8), _rgb(86, 148, 62) * tone * np.float32(lightness), {})


def _sand(sheet: Sheet, rng: np.random.Generator) -> None:
    tone = _tone(rng, 0.86, 1.04)
    parts: dict[str, str | None] = {"background": "sand", "colour": "beige"}
    _fill(sheet, shade("beige", 0.75) * tone, shade("beige", 0.35) * tone, parts)
    sheet.shade(1 + np.float32(0.08) * mottle(rng, 5) + np.float32(0.05) * mottle(rng, 32))
    along = np.linspace(-4, SIZE + 4, 24)
    length, spacing = rng.uniform(56, 88), rng.uniform(15, 22)
    ripples = [
        stroke(wave(along, y, height=2.2, length=length, phase=rng.uniform(0, 6)), 1.6)
        for y in np.arange(rng.uniform(4, 18), SIZE + 8, spacing)
    ]
    sheet.paint(sheet.cover(ripples) * np.float32(0.45), shade("beige", 0) * tone, {})
    for lightness in (0.62, 1.12):
        grains = repeated(ellipse(0, 0, 0.8, 0.7, steps=8), rng.uniform(0, SIZE, (34, 2)))
        sheet.paint(sheet.cover(grains) * np.float32(0.8), shade("beige", 0.5) * np.float32(lightness), {})


def _sky(sheet: Sheet, rng: np.random.Generator) -> None:
    tone = _tone(rng, 0.88, 1.04)
    _fill(sheet, _rgb(96, 160, 226) * tone, _rgb(186, 220, 244) * tone, {"background": "sky", "colour": "blue"})
    for _ in range(rng.integers(2, 5)):
        cloud = Pose(rng.uniform(0, SIZE), rng.uniform(0, SIZE), rng.uniform(7, 13))
        lifts = rng.uniform(-0.1, 0.5, 4)
        puffs = [ellipse(0.9 * step - 1.35, -lift, 0.9, 0.62, steps=20) for step, lift in enumerate(lifts)]
        soft = blur(sheet.cover(cloud.place(puffs)), 1.2) * np.float32(0.92)
        sheet.paint(soft, shade("white", 0.8) * tone, {"colour": "white"})


def _water(sheet: Sheet, rng: np.random.Generator) -> None:
    tone = _tone(rng, 0.85, 1.08)
    _fill(sheet, _rgb(66, 158, 190) * tone, _rgb(22, 98, 152) * tone, {"background": "water", "colour": "blue"})
    sheet.shade(1 + np.float32(0.1) * mottle(rng, 5))
    for lightness in (0.8, 1.3):
        crests = [
            stroke(wave(np.linspace(0, rng.uniform(12, 26), 14), 0, height=1.6, length=14) + place, 1.5)
            for place in rng.uniform(-8, SIZE, (13, 2))
        ]
        sheet.paint(sheet.cover(crests) * np.float32(0.6), _rgb(60, 148, 186) * tone * np.float32(lightness), {})


BACKGROUNDS: dict[str, Callable[[Sheet, np.random.Generator], None]] = {
    "brick": _brick,
    "grass": _grass,
    "sand": _sand,
    "sky": _sky,
    "water": _water,
}
"""Background name -> what paints it over an empty sheet, noting background and colour of every pixel."""
