"""A closer look at a unit: any map of one image, how far the unit can see, and the same map with random weights."""

from functools import partial

import numpy as np
import pytest

from explorer.pages.closer.field import field_words
from explorer.pages.closer.maps import check_words
from explorer.pictures import frame
from precompute.what_if.request import AFTER, ALL
from tests.explorer.conftest import put
from tests.explorer.test_pictures import opened

pytestmark = pytest.mark.usefixtures("stand_in")


@pytest.fixture
def look(made, runs, answered):
    put(made("full"), runs)
    return partial(answered, "closer", store="demo", layer="features.10", unit="5", part="maps")


def test_the_strongest_image_is_looked_at_first_and_every_exemplar_leads_to_itself(look, full_store):
    shown = look()
    images = full_store.layer("features.10").exemplars("top", 5).image
    assert f"{full_store.images.path[images[0]]}, " in shown.words
    assert shown.words.count("part=maps") == len(images)
    assert "that the peak can depend on. Part of it lies beyond the image." in shown.words
    assert "The same with random weights" not in shown.words


def test_another_image_is_looked_at_where_the_address_names_it(look, full_store):
    path = full_store.images.path[3]
    assert f"{path}, {full_store.classes.title[full_store.images.label[3]]}." in look(image=path).words


def test_integrated_gradients_say_what_their_sum_misses(look):
    assert "it misses that by 3 %" in look(by="integrated_gradients").words
    assert "misses that" not in look(by="gradient").words


def test_a_map_is_held_to_random_weights_on_request(look):
    shown = look()
    shown.app.button(key="hold_to_random").click().run()
    words = look(check="yes").words
    for said in ("layers after it", "its own layer", "all layers", "r 1.00", "r 0.20", "r 0.60"):
        assert said in words
    assert "With all weights in random order the map looks alike: r 0.50 to 0.70 in 3 draws." in words


@pytest.mark.parametrize(
    ("unit", "said"),
    [("3", "No &lt;b&gt;such&lt;/b&gt; network."), ("0", "ended twice without an answer. out of memory")],
)
def test_what_cannot_be_computed_is_told_and_the_exemplars_stay(look, unit, said):
    words = look(unit=unit).words
    assert said in words
    assert "On which exemplar" in words


# Words and frames


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0.05, 0.1], "looks different: r 0.05 to 0.10 in 2 draws. So it rests on what the network has learnt."),
        (
            [0.3, np.nan],
            "looks partly alike: r 0.30, in the one of 2 draws that shows anything. One draw does not settle",
        ),
        ([0.3, 0.4], "looks partly alike: r 0.30 to 0.40 in 2 draws. So part of the map does not rest"),
        ([0.9, 0.7], "looks alike: r 0.70 to 0.90 in 2 draws. So the map says little"),
        ([0.1, 0.7], "looks different or looks alike: r 0.10 to 0.70 in 2 draws. The draws do not settle how much"),
    ],
)
def test_the_sentence_follows_the_draws_where_they_agree(values, said):
    first, second = check_words("Gradient", np.array([AFTER, ALL, ALL]), np.array([1.0, *values]))
    assert first == "Layers after it take no part in what the unit is, so the map stays the same. That is no finding."
    assert said in second


def test_silent_networks_are_said_to_be_no_comparison():
    assert check_words("Gradient", np.array([ALL, ALL]), np.array([np.nan, np.nan])) == [
        "Gradient cannot be compared with random weights here: no map with all of them shows anything."
    ]


def test_the_field_is_said_with_its_size_or_not_at_all():
    assert field_words(np.array([10, 20, 45, 57.0]), (96, 90)) == (
        "The frame: the 36 × 38 pixels of 96 × 90 that the peak can depend on."
    )
    assert "more than the 96 × 90 of the image" in field_words(np.array([-3, -3, 99, 99.0]), (96, 90))
    assert field_words(np.full(4, np.nan), (96, 90)).startswith("How far the peak can reach is not known")


def test_a_frame_is_drawn_around_its_pixels_to_scale():
    drawn = opened(frame((24, 12, 71, 47), (96, 96), (192, 192)))[..., 3] > 0
    rows, columns = np.flatnonzero(drawn.any(1)), np.flatnonzero(drawn.any(0))
    # Twice as many pixels as the input has; the casing of the line is three pixels wide.
    assert abs(rows.min() - 48) <= 3
    assert abs(rows.max() - 143) <= 3
    assert abs(columns.min() - 24) <= 3
    assert abs(columns.max() - 95) <= 3
    assert not drawn[60:130, 36:84].any()


def test_a_frame_that_is_not_known_or_off_the_picture_is_not_drawn():
    assert frame((np.nan,) * 4, (96, 96)) is None
    assert frame((100, 0, 120, 10), (96, 96)) is None
