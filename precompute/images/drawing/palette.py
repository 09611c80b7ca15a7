"""The names of all parts a picture can be made of, and what its colours look like."""

import numpy as np

PARTS: dict[str, tuple[str, ...]] = {
    "background": ("brick", "grass", "sand", "sky", "water"),
    "colour": ("beige", "black", "blue", "brown", "green", "orange", "red", "violet", "white", "yellow"),
    "shape": ("ball", "boat", "fish", "heart", "kite", "leaf", "mushroom", "pebble", "pennant", "star", "umbrella"),
    "texture": ("checked", "dotted", "plain", "striped"),
}
"""Category -> part names. A part's index in a mask is its place here plus one; 0 is none of them."""

# From the deep to the light end of each colour: every shade on the way goes by the same name.
_SHADES: dict[str, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    "beige": ((214, 188, 142), (240, 222, 184)),
    "black": ((24, 22, 30), (44, 42, 54)),
    "blue": ((28, 82, 176), (76, 146, 226)),
    "brown": ((96, 58, 34), (140, 92, 58)),
    "green": ((34, 116, 58), (98, 176, 84)),
    "orange": ((222, 108, 26), (248, 152, 62)),
    "red": ((178, 24, 36), (232, 66, 62)),
    "violet": ((104, 52, 152), (164, 104, 204)),
    "white": ((234, 230, 222), (252, 250, 246)),
    "yellow": ((234, 184, 30), (252, 218, 78)),
}

Colour = np.ndarray  # (3,): red, green and blue, 0 to 255


def shade(name: str, lightness: float) -> Colour:
    """Return the named colour at a place between its deep (0) and its light end (1)."""
    deep, light = (np.array(end, dtype=np.float32) for end in _SHADES[name])
    return deep + np.float32(lightness) * (light - deep)


def part_index(category: str, part: str) -> int:
    """Return the number by which a part goes in its category's masks."""
    return PARTS[category].index(part) + 1
