"""Flips by image against a loop over the flips by unit."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from explorer.flips_by_image import FlipsByImage
from precompute.measures.paired import FlipTable

N_IMAGES, N_UNITS = 6, 4


@st.composite
def tables(draw):
    """Flips in order of unit, then image, as a store holds them."""
    pairs = sorted(draw(st.sets(st.tuples(st.integers(0, N_UNITS - 1), st.integers(0, N_IMAGES - 1)))))
    outputs = [draw(st.integers(0, 9)) for _ in pairs]
    unit, image = (np.array([pair[at] for pair in pairs], dtype=np.int64) for at in (0, 1))
    return FlipTable(unit, image, np.array(outputs, dtype=np.int64), N_UNITS)


def rows(table, image):
    return [(int(u), int(p)) for u, i, p in zip(table.unit, table.image, table.prediction, strict=True) if i == image]


@given(tables())
def test_an_image_has_the_units_whose_flips_name_it(table):
    found = FlipsByImage.of(table, N_IMAGES)
    for image in range(N_IMAGES):
        units, outputs = found.of_image(image)
        assert list(zip(units.tolist(), outputs.tolist(), strict=True)) == rows(table, image)


@given(tables(), st.lists(st.integers(0, N_IMAGES - 1), unique=True))
def test_the_flips_of_some_images_are_those_of_each_behind_each_other(table, images):
    found = FlipsByImage.of(table, N_IMAGES).of_images(np.array(images, dtype=np.int64))
    expected = [(u, image, p) for image in images for u, p in rows(table, image)]
    assert list(zip(*(part.tolist() for part in (found.unit, found.image, found.prediction)), strict=True)) == expected
    assert found.n_units == N_UNITS
