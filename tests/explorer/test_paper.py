"""Figures on paper: what a chart or a wall becomes as SVG, PDF and PNG."""

import io
import json
import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from explorer import paper, press
from explorer.charts.butterfly import butterfly, class_frame
from explorer.charts.scatter import scatter
from explorer.class_effects import ClassEffects
from explorer.origin import Origin
from explorer.paper import Tile, as_file, draw_chart, draw_wall, pixels_of, wrapped
from explorer.widgets import take_away
from explorer.widgets.chart import spec_of
from explorer.widgets.take_away import Figure
from precompute.measures.paired import drop_interval
from tests.explorer.test_literal import BREAKING, NASTY

NAMES = [NASTY, BREAKING, "a|b" * 100, "שלום עולם", "😀 emoji", "new\nline", "\x00\x07 bell", "]]>&amp;<!--", "=1+1"]
CAPTION = ["What it shows.", f"Store {NASTY}; network a.pt."]


@pytest.fixture(scope="module")
def spec():
    n = len(NAMES)
    lost, gained, images = np.arange(n), np.arange(n)[::-1], np.full(n, 50)
    effects = ClassEffects(images, lost, gained, (lost - gained) / 50, *drop_interval(lost, gained, images))
    frame = class_frame(NAMES, [f"n{c}" for c in range(n)], np.linspace(-1, 2, n), effects)
    return spec_of(lambda: butterfly(frame))


def test_signs_that_no_font_has_are_found_by_what_is_printed():
    nowhere = "\U0010fffd\ue123"
    assert paper.without_font(f"aé{nowhere}Ω ") == "".join(sorted(nowhere))
    assert press.without_font(f"a unit → 5 %, {nowhere}\ud800") == "".join(sorted(nowhere))
    assert press.without_font("") == ""


def test_signs_that_are_not_asked_about_are_in_the_font_that_comes_with_the_app():
    assert paper.without_font(sign for sign in press.SURELY_THERE if sign.isprintable()) == ""


@pytest.mark.parametrize("sign", ["\ue123", "é"])
def test_a_figure_names_the_signs_that_would_be_boxes(sign, monkeypatch):
    said = []
    monkeypatch.setattr(take_away, "note", said.append)
    origin = Origin(())
    numbers = pd.DataFrame({"title": [f"{sign} ball"], "drop": [1.0]})
    take_away._warn_of_boxes(Figure("What it shows.", origin, lambda *_: b"", lambda: numbers))
    if sign == "é":
        assert said == []
    else:
        assert said[0].startswith(
            f"No font on this machine has these signs: {sign}. PDF and PNG show boxes for them. The"
        )


def texts_of(svg):
    return [" ".join(element.itertext()) for element in ElementTree.fromstring(svg).iter() if "text" in element.tag]


def jpeg(colour="red"):
    out = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(out, "JPEG")
    return out.getvalue()


# Charts


def test_every_name_stands_in_the_drawing_as_text(spec):
    shown = texts_of(draw_chart(spec, 6000).svg)
    for name in NAMES[:2] + NAMES[3:5] + NAMES[7:]:
        assert any(name.split()[0] in text for text in shown), name


def test_nothing_in_a_drawing_is_a_script_or_a_link(spec):
    root = ElementTree.fromstring(as_file(draw_chart(spec, 700), CAPTION, 180, "svg"))
    for element in root.iter():
        assert element.tag.rpartition("}")[2] in {"svg", "g", "path", "rect", "line", "text", "title", "desc"}
        assert not any(name.startswith("on") or name.endswith("href") for name in element.attrib)


def test_what_xml_cannot_hold_is_shown_as_a_replacement(spec):
    assert any("\ufffd\ufffd bell" in text for text in texts_of(draw_chart(spec, 6000).svg))


def test_negative_numbers_have_a_true_minus(spec):
    assert any(re.fullmatch("−[0-9.]+", text) for text in texts_of(draw_chart(spec, 700).svg))


def test_words_that_take_the_pages_colour_are_dark_on_white(spec):
    made = Image.open(io.BytesIO(as_file(draw_chart(spec, 700), CAPTION, 100, "png"))).convert("L")
    assert made.getpixel((0, 0)) == 255
    assert min(made.tobytes()) < 60


def test_names_in_a_drawing_are_told_apart_from_those_of_others():
    frame = {"unit": [0, 1], "x": [0.0, 1], "y": [1.0, 0], "sees": ["a", "b"], "chosen": [False, False]}
    frame["shade"] = [0.0, 1.0]
    drawn = draw_chart(
        spec_of(lambda: scatter(pd.DataFrame(frame), "x", "y", shade="url(#mine)")), 500, ids="first-"
    ).svg
    ids = re.findall(r' id="([^"]+)"', drawn)
    assert ids
    assert all(name.startswith("first-") for name in ids)
    assert set(re.findall(r'"url\(#([^)]+)\)"', drawn)) <= set(ids)
    assert "url(#mine)" in texts_of(drawn)


def test_the_same_figure_is_the_same_file(spec):
    for kind in ("svg", "png"):
        once, again = (as_file(draw_chart(spec, 500), CAPTION, 120, kind) for _ in range(2))
        assert once == again


def test_a_chart_that_makes_no_sense_is_refused_in_a_sentence():
    with pytest.raises(press.NotPrinted, match="could not be made"):
        press.chart_file({"layer": "nothing"}, CAPTION, 100, "svg")


def test_the_press_makes_what_is_made_here(spec):
    spec = json.loads(json.dumps(spec))
    assert press.chart_file(spec, CAPTION, 150, "svg") == as_file(draw_chart(spec, pixels_of(150)), CAPTION, 150, "svg")


# Pages


@pytest.mark.parametrize("mm", [60, 89, 180])
def test_a_page_has_the_width_that_was_asked_for(spec, mm):
    drawing = draw_chart(spec, pixels_of(mm))
    root = ElementTree.fromstring(as_file(drawing, CAPTION, mm, "svg"))
    assert root.attrib["width"] == f"{mm:.2f}mm"
    box = re.search(rb"MediaBox\s*\[\s*0 0 ([0-9.]+)", as_file(drawing, CAPTION, mm, "pdf"))
    assert float(box.group(1)) == pytest.approx(mm / 25.4 * 72, abs=0.1)
    made = Image.open(io.BytesIO(as_file(drawing, CAPTION, mm, "png")))
    assert made.width == pytest.approx(mm / 25.4 * 300, abs=2)
    assert made.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_the_caption_is_on_the_page_word_for_word(spec):
    root = ElementTree.fromstring(as_file(draw_chart(spec, 400), CAPTION, 89, "svg"))
    lines = [element.text for element in root if element.tag.endswith("}text")]
    assert " ".join(lines).split() == " ".join(CAPTION).split()
    assert root[0].text == CAPTION[0]


@settings(max_examples=30)
@given(st.text(max_size=150), st.floats(20, 900))
def test_lines_hold_every_sign_of_a_text_and_fit(text, room):
    lines = wrapped(text, room, 11)
    assert "".join("".join(lines).split()) == "".join(paper.drawable_text(text).split())
    assert all(paper._length(line, 11) <= room or len(line) == 1 for line in lines)


# Walls


def test_a_wall_has_every_picture_its_overlay_and_its_words():
    tiles = [Tile(jpeg(), NASTY, f"{n}.0", overlay=b"png" if n % 2 else None) for n in range(7)] + [Tile(b"", "none")]
    drawn = draw_wall(tiles, 1.0, 2000, 4)
    root = ElementTree.fromstring(drawn.svg)
    images = [element for element in root if element.tag.endswith("}image")]
    assert len(images) == 7 + 3
    assert all(image.attrib["href"].startswith("data:image/") for image in images)
    assert [text for text in texts_of(drawn.svg) if text.endswith(".0")] == [f"{n}.0" for n in range(7)]
    assert sum(NASTY[:20] in text for text in texts_of(drawn.svg)) == 7


def test_a_wall_is_printed_as_pdf_and_png():
    drawn = draw_wall(
        [Tile(jpeg(), "red", "1.0", faded=False), Tile(jpeg(), "pale", faded=True)], 1.0, pixels_of(60), 2
    )
    assert press.drawing_file(drawn, CAPTION, 60, "pdf").startswith(b"%PDF")
    made = Image.open(io.BytesIO(as_file(drawn, CAPTION, 60, "png"))).convert("RGB")
    left, right = (made.getpixel((int(made.width * share), int(made.width * 0.2))) for share in (0.25, 0.75))
    assert left[0] > 200
    assert left[1] < 60
    assert min(right) > 190
    assert max(right) - min(right) < 5
