import numpy as np
import pytest

from precompute.images.drawing.palette import PARTS, shade
from precompute.images.drawing.shapes import SHAPES


def figures(name):
    return [SHAPES[name](np.random.default_rng(seed)) for seed in range(8)]


def test_every_shape_that_masks_can_name_can_be_drawn():
    assert tuple(SHAPES) == PARTS["shape"]


@pytest.mark.parametrize("name", SHAPES)
def test_a_figure_lies_within_its_reach_with_rim_and_shadow(name):
    for figure in figures(name):
        polygons = [*figure.body, *(p for detail in (*figure.behind, *figure.front) for p in detail.polygons)]
        farthest = max(np.abs(polygon).max() for polygon in polygons)
        assert farthest + 0.035 <= figure.reach
        # The body's shadow falls 0.14 to the right and down, and is blurred.
        assert max(np.abs(polygon).max() for polygon in figure.body) + 0.14 <= figure.reach


@pytest.mark.parametrize("name", SHAPES)
def test_a_figures_details_have_colours_of_the_palette(name):
    for figure in figures(name):
        for detail in (*figure.behind, *figure.front):
            assert detail.colour in PARTS["colour"]


@pytest.mark.parametrize("name", PARTS["colour"])
def test_a_colour_gets_lighter_from_its_deep_to_its_light_end(name):
    deep, middle, light = (shade(name, lightness) for lightness in (0, 0.5, 1))
    assert (deep < light).all()
    np.testing.assert_allclose(middle, (deep + light) / 2)
