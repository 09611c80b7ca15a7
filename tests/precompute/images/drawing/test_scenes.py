import colorsys
from dataclasses import replace

import numpy as np
import pytest

from precompute.images.drawing.palette import PARTS, part_index
from precompute.images.drawing.scenes import RECIPES, draw_scene

# Words of a class's name -> the part that they promise.
WORDS = {
    **{word: ("texture", word) for word in ("checked", "dotted", "striped")},
    **{word: ("colour", word) for word in ("blue", "red", "yellow")},
    **{word: ("shape", word) for word in ("ball", "boat", "fish", "kite", "mushroom", "star", "umbrella")},
    **{word: ("background", word) for word in ("grass", "sand")},
}
HUES = {"red": 0, "orange": 25, "yellow": 48, "green": 125, "blue": 212, "violet": 275}  # degrees


@pytest.fixture(scope="module")
def scenes():
    """Six pictures of every class."""
    return {
        recipe.name: [draw_scene(recipe, np.random.default_rng([3, index, number])) for number in range(6)]
        for index, recipe in enumerate(RECIPES)
    }


def promised(recipe):
    """Category -> the parts that a picture of the class may show there."""
    return {
        "shape": (recipe.shape,),
        "texture": (recipe.texture,),
        "colour": recipe.colours,
        "background": recipe.backgrounds,
    }


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_a_name_says_what_its_pictures_show(recipe):
    told = [WORDS[word] for word in recipe.name.split("_") if word != "on"]
    assert all(promised(recipe)[category] == (part,) for category, part in told)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_every_picture_of_a_class_shows_its_parts(scenes, recipe):
    for sheet in scenes[recipe.name]:
        for category, parts in promised(recipe).items():
            assert np.isin(sheet.parts[category], [part_index(category, part) for part in parts]).sum() > 40


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_the_subject_is_by_far_the_largest_thing(recipe, monkeypatch):
    painted = []
    monkeypatch.setattr("precompute.images.drawing.scenes.paint_thing", lambda sheet, thing, rng: painted.append(thing))
    for number in range(20):
        painted.clear()
        draw_scene(recipe, np.random.default_rng(number))
        largest, *others = sorted(painted, key=lambda thing: -thing.pose.size)
        assert (largest.shape, largest.texture) == (recipe.shape, recipe.texture)
        assert largest.colour in recipe.colours
        assert all(other.pose.size <= 0.71 * largest.pose.size for other in others)


def test_every_part_of_every_category_occurs(scenes):
    for category, parts in PARTS.items():
        seen = set(np.unique([sheet.parts[category] for sheets in scenes.values() for sheet in sheets]).tolist())
        assert seen >= set(range(1, len(parts) + 1))


def test_every_pixel_shows_either_a_background_or_a_shape(scenes):
    for sheets in scenes.values():
        for sheet in sheets:
            np.testing.assert_array_equal(sheet.parts["background"] > 0, sheet.parts["shape"] == 0)


def test_every_pixel_has_a_colour(scenes):
    assert all(sheet.parts["colour"].all() for sheets in scenes.values() for sheet in sheets)


def test_only_shapes_have_a_texture(scenes):
    for sheets in scenes.values():
        for sheet in sheets:
            assert not sheet.parts["texture"][sheet.parts["shape"] == 0].any()


@pytest.mark.parametrize("colour", HUES)
def test_pixels_under_a_colours_mask_have_that_hue(scenes, colour):
    sheets = [sheet for some in scenes.values() for sheet in some]
    pixels = [
        sheet.developed()[(sheet.parts["colour"] == part_index("colour", colour)) & (sheet.parts["texture"] > 0)]
        for sheet in sheets
    ]
    mean = np.concatenate(pixels).mean(axis=0)
    hue = 360 * colorsys.rgb_to_hsv(*mean / 255)[0]
    assert abs((hue - HUES[colour] + 180) % 360 - 180) < 15


def test_a_mask_lies_on_its_thing_to_the_pixel():
    # Two pictures that differ in nothing but the subject's colour differ inside its mask only.
    recipe = next(recipe for recipe in RECIPES if recipe.name == "red_star_on_sand")
    red = draw_scene(recipe, np.random.default_rng(1))
    blue = draw_scene(replace(recipe, colours=("blue",)), np.random.default_rng(1))
    changed = np.abs(red.picture - blue.picture).sum(axis=2)
    masked = red.parts["colour"] != blue.parts["colour"]
    assert masked.sum() > 100
    assert (changed[masked] > 30).all()
    # Edges are shared between a thing and what lies behind it: an edge pixel changes by less than half.
    assert np.median(changed[~masked]) == 0
    assert changed[~masked].max() < 0.75 * np.median(changed[masked])


def test_the_same_chance_gives_the_same_scene():
    first, second = (draw_scene(RECIPES[0], np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(first.picture, second.picture)
