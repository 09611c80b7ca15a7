"""The look that charts share."""

from itertools import combinations

import numpy as np
import pytest

from explorer.charts.theme import FAINT, LOSS, PALETTES, legend


def test_a_legend_has_one_line_where_its_names_fit_and_fewer_columns_elsewhere():
    # 4 and 10 letters of 6.5 pixels, and 32 for each symbol.
    assert legend(["most", "random set"]).to_dict()["columns"] == {
        "expr": "width >= 155.0 ? 2 : max(1, floor(width / 97.0))"
    }


PAGES = ("#ffffff", "#14171a")
USUAL, BLIND, PRINT = (PALETTES[name].colours for name in ("standard", "colour-blind", "print"))
# Machado, Oliveira and Fernandes 2009, severity 1: what a reader without one kind of cones sees, in linear RGB.
SEEN_BY = {
    "all": np.eye(3),
    "without red cones": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "without green cones": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "without blue cones": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def linear(colour):
    value = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    light = sorted(float(TO_XYZ[1] @ linear(colour)) for colour in (one, other))
    return (light[1] + 0.05) / (light[0] + 0.05)


def lab(rgb):
    """CIE L*a*b* of a linear colour."""
    share = TO_XYZ @ np.clip(rgb, 0, 1) / TO_XYZ.sum(axis=1)
    f = np.where(share > 0.008856, np.cbrt(share), 7.787 * share + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def closest(colours, seen_by):
    """The smallest distance between two colours, CIE 1976."""
    seen = [lab(np.array(seen_by) @ linear(colour)) for colour in colours]
    return min(np.linalg.norm(one - other) for one, other in combinations(seen, 2))


@pytest.mark.parametrize("colours", [USUAL, BLIND])
def test_every_colour_stands_out_on_a_light_and_on_a_dark_page(colours):
    assert min(contrast(colour, page) for colour in colours for page in PAGES) >= 2.99


def test_the_colours_for_print_stand_out_on_paper_and_are_told_by_their_lightness_alone():
    assert min(contrast(colour, "#ffffff") for colour in PRINT) >= 2.9
    lightness = sorted(lab(linear(colour))[0] for colour in PRINT)
    assert min(np.diff(lightness)) > 6
    main = sorted(lab(linear(colour))[0] for colour in PRINT[:4])
    assert min(np.diff(main)) > 11
    assert min(np.diff(sorted(lab(linear(colour))[0] for colour in USUAL[:4]))) < 3  # what it is for


@pytest.mark.parametrize("reader", SEEN_BY)
def test_colour_blind_readers_tell_its_colours_apart(reader):
    assert closest(BLIND, SEEN_BY[reader]) > 20
    assert closest(BLIND[:4], SEEN_BY[reader]) > 29


def test_the_usual_colours_are_not_told_apart_by_all():
    assert closest(USUAL, SEEN_BY["without green cones"]) < 5
    assert closest(USUAL[:4], SEEN_BY["without green cones"]) < 15


def test_a_chart_is_recoloured_and_what_a_store_says_stays():
    spec = {
        "mark": {"type": "bar", "color": LOSS},
        "encoding": {"color": {"scale": {"domain": [LOSS], "range": [LOSS, "none"]}}, "y": {"title": LOSS}},
        "layer": [{"mark": {"fill": FAINT}}],
        "datasets": {"a": [{"class": LOSS}]},
    }
    found, orange = PALETTES["print"].recoloured(spec), PRINT[1]
    assert found["mark"] == {"type": "bar", "color": orange}
    assert found["encoding"] == {
        "color": {"scale": {"domain": [LOSS], "range": [orange, "none"]}},
        "y": {"title": LOSS},
    }
    assert found["layer"] == [{"mark": {"fill": f"{PRINT[3]}55"}}]
    assert found["datasets"] == spec["datasets"]
    assert PALETTES["standard"].recoloured(spec) is spec
