"""The palette of the reader's choice reaches every chart and picture; the help says what the colours mean."""

import json
import re

import pytest

from explorer.charts.theme import PALETTES
from tests.explorer.conftest import FULL, put

LAYER = "features.10"
USUAL = set(PALETTES["standard"].colours)


def colours(page):
    """The colours of the charts on a page, but for what their data say."""
    specs = [json.loads(chart.proto.spec) for chart in page.charts()]
    for spec in specs:
        spec.pop("datasets", None)
    return set(re.findall(r"#[0-9a-f]{6}", json.dumps(specs)))


@pytest.mark.parametrize("page", ["overview", "unit", "layer", "class", "compare"])
def test_no_chart_keeps_a_usual_colour(page, made, runs, show):
    put(made("full", FULL), runs)
    before = colours(show(page, store="demo", layer=LAYER)) & USUAL
    shown = show(page, store="demo", layer=LAYER, palette="colour-blind")
    assert not colours(shown) & USUAL
    assert len(colours(shown) & set(PALETTES["colour-blind"].colours)) == len(before)
    assert f"--us-loss: {PALETTES['colour-blind'].colours[1]};" in str(
        [part.proto.body for part in shown.app.get("html")]
    )


def test_a_palette_that_is_not_there_is_the_usual_one(made, runs, show):
    put(made("full", FULL), runs)
    assert colours(show("unit", store="demo", palette="<b>")) & USUAL


def test_what_is_chosen_in_the_help_is_kept_from_page_to_page(made, runs, show):
    put(made("full", FULL), runs)
    page = show("unit", store="demo", layer=LAYER)
    page.app.button(key="help").click().run()
    assert "Green: accuracy gained without it" in page.words
    assert "the unit, class or image before" in page.words
    page.app.session_state["palette"] = "print"
    page.app.run()
    assert colours(page) & set(PALETTES["print"].colours)


@pytest.mark.parametrize("page", ["overview", "unit", "layer", "class", "image", "name", "quiz"])
def test_every_picture_that_says_something_says_it_in_words_too(page, made, runs, show):
    put(made("full", FULL), runs)
    shown = show(page, store="demo", layer=LAYER)
    silent = [tag for tag in re.findall(r"<img[^>]*>", shown.words) if 'alt=""' in tag or "alt=" not in tag]
    # What lies over a picture, and a strip whose words stand below it.
    assert not [tag for tag in silent if "us-over" not in tag and "svg+xml" not in tag]
    assert all(chart.proto.alt for chart in shown.charts())
