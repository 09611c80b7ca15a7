"""Figures leave the app, in a real browser: what is downloaded."""

import io
import re
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import expect

from precompute.store.reader import open_store
from tests.browser.test_explorer import open_a_unit

CHART, WALL = "take_class_profile", "take_exemplars"


def open_menu(app, figure):
    app.settle(app.page.locator(f"[class*=st-key-{figure}] button").first.click)


def take(app, label):
    """Click a button of the open menu; return the name of the file and what is in it. The page has to be drawn."""
    button = app.page.get_by_test_id("stPopoverBody").get_by_role("button", name=label, exact=True)
    with app.page.expect_download(timeout=120_000) as started:
        # A menu moves with the page, so that a click that scrolls to it first may chase it away.
        button.dispatch_event("click")
    return started.value.suggested_filename, Path(started.value.path()).read_bytes()


def test_a_chart_on_a_dark_page_is_taken_away_dark_on_white_as_svg_pdf_png_and_csv(tab, server):
    app = tab(server, color_scheme="dark")
    layer = open_a_unit(app)
    names = app.page.locator("[class*=st-key-class_profile] .mark-text.role-mark text")
    expect(names.first).to_be_visible()
    shown = names.all_text_contents()
    open_menu(app, CHART)
    name, svg = take(app, "SVG")
    assert re.fullmatch(rf"demo-{layer}-unit-3-zero-ablation-Mean-activation[\w-]*\.svg", name)
    root = ElementTree.fromstring(svg)
    texts = [element.text for element in root.iter() if element.tag.endswith("}text")]
    assert set(filter(None, shown)) <= set(texts)
    with open_store(server.runs / "demo.h5") as store:
        assert f"fingerprint {store.fingerprint}" in root[1].text
    assert f"{layer}, unit 3, zero ablation. Store demo" in root[1].text
    _, pdf = take(app, "PDF")
    assert pdf.startswith(b"%PDF")
    _, png = take(app, "PNG")
    picture = Image.open(io.BytesIO(png)).convert("L")
    assert picture.width == pytest.approx(180 / 25.4 * 300, abs=2)
    assert picture.getpixel((0, 0)) == 255
    assert picture.resize((1, 1)).getpixel((0, 0)) > 200
    _, csv = take(app, "CSV")
    assert set(pd.read_csv(io.BytesIO(csv))["title (class)"].dropna()) <= set(texts)


def test_a_figure_leaves_in_the_colours_that_the_reader_chose(tab, small_server):
    app = tab(small_server)
    for palette, colour in (("print", "#02305f"), ("colour-blind", "#1a95fe")):
        app.open(f"/unit?store=demo&layer=features.8&unit=5&palette={palette}")
        expect(app.page.locator("[class*=st-key-class_profile] .mark-text").first).to_be_visible()
        open_menu(app, CHART)
        assert colour in take(app, "SVG")[1].decode()


def test_a_wall_of_pictures_is_taken_away_at_the_width_that_is_asked_for(app):
    open_a_unit(app)
    expect(app.page.locator("[class*=st-key-class_profile] .mark-text").first).to_be_visible()
    n_shown = app.page.locator(".us-gallery:not(.us-wide) figure").count()
    open_menu(app, WALL)
    width = app.page.get_by_test_id("stPopoverBody").get_by_role("spinbutton")
    width.fill("90")
    app.settle(lambda: width.press("Enter"))
    _, svg = take(app, "SVG")
    root = ElementTree.fromstring(svg)
    assert root.attrib["width"] == "90.00mm"
    tiles = [element for element in root.iter() if element.tag.endswith("}rect")]
    assert len(tiles) == 1 + n_shown
    _, png = take(app, "PNG")
    assert Image.open(io.BytesIO(png)).width == pytest.approx(90 / 25.4 * 300, abs=2)


def test_a_link_leads_to_the_same_page_and_says_when_it_was_made_for_another_store(app, server):
    layer = open_a_unit(app)
    app.settle(app.page.locator("[class*=st-key-share] button").first.click)
    link = app.page.get_by_test_id("stPopoverBody").locator("code").inner_text()
    with open_store(server.runs / "demo.h5") as store:
        assert link.startswith(f"{app.url}/unit?")
        assert link.endswith(f"fingerprint={store.fingerprint}")
    app.settle(lambda: app.page.goto(link))
    app.asks("/unit", layer=layer, unit="3")
    app.says("Unit 3 ")
    expect(app.page.get_by_role("alert").filter(has_text="another store")).to_have_count(0)
    app.settle(lambda: app.page.goto(re.sub("fingerprint=.*", "fingerprint=<b>0123", link)))
    app.says("Unit 3 ")
    expect(app.page.get_by_role("alert")).to_contain_text("made for another store of this name (fingerprint “<b>0123”")


NOT_ON_A_PAGE = """([width, height]) => [...document.querySelectorAll('main *')].filter(one => {
    const place = one.getBoundingClientRect();
    if (place.right > width + 1) return true;
    return getComputedStyle(one).breakInside === 'avoid' && place.height > height;
}).map(one => one.outerHTML.slice(0, 120))"""
A4 = (695, 1024)  # without its margins, in pixels


def on_paper(reader):
    """What is cut off on a printed page, or must not be broken and is higher than a page."""
    reader.set_viewport_size({"width": A4[0], "height": A4[1]})
    reader.emulate_media(media="print")
    whole = reader.locator(".us-gallery, figure.chart").evaluate_all(
        "all => all.map(one => getComputedStyle(one).breakInside)"
    )
    assert set(whole) == {"avoid"}
    return reader.evaluate(NOT_ON_A_PAGE, A4)


def test_a_report_of_a_unit_and_of_units_found_can_be_read_without_the_app(app, tab, server, tmp_path):
    layer = open_a_unit(app)
    sentence = app.page.locator(".us-sentence").inner_text()
    app.settle(app.page.locator("[class*=st-key-share] button").first.click)
    name, report = take(app, "Report of unit 3")
    assert name == f"demo-{layer}-unit-3.html"
    file = tmp_path / name
    file.write_bytes(report)
    reader = app.page.context.new_page()
    asked = []
    reader.on("request", lambda request: asked.append(request.url))
    reader.goto(file.as_uri())
    assert reader.locator(".us-sentence").inner_text() == sentence
    assert reader.locator("figure.chart svg").count() == 2
    widths = reader.locator("img").evaluate_all("images => images.map(image => image.naturalWidth)")
    assert len(widths) > 5
    assert min(widths) > 0
    assert [url for url in asked if not url.startswith("data:")] == [file.as_uri()]
    assert on_paper(reader) == []
    reader.close()
    app.open(f"/layer?store=demo&layer={layer}&find=units%3D2-4")
    app.settle(app.page.locator("[class*=st-key-share] button").first.click)
    name, report = take(app, "Report of the 3 units found")
    assert report.count(b"<section") == 3


def test_a_report_of_a_layer_is_printed_on_paper_with_nothing_cut_off(tab, small_server, tmp_path):
    app = tab(small_server)
    app.open("/layer?store=demo&layer=features.8")
    app.settle(app.page.locator("[class*=st-key-share] button").first.click)
    name, report = take(app, "Report of layer features.8")
    assert name == "demo-features.8-layer-features.8.html"
    file = tmp_path / "layer.html"
    file.write_bytes(report)
    reader = app.page.context.new_page()
    reader.goto(file.as_uri())
    assert reader.locator("section").count() == 1 + 14
    assert on_paper(reader) == []
    # The layer and each of its units begin a page.
    assert len(re.findall(rb"/Type /Page\b", reader.pdf(prefer_css_page_size=True))) >= 1 + 14


def test_no_picture_of_a_chart_is_offered_without_its_caption(app):
    open_a_unit(app)
    chart = app.page.locator("[data-testid=stVegaLiteChart]").first
    expect(chart.locator("svg.marks")).to_be_visible()
    chart.hover(force=True)
    expect(app.page.locator("[aria-label^='Show data']").first).to_be_visible()
    without_caption = app.page.locator("[aria-label^='Download as PNG']")
    expect(without_caption).to_have_count(2)
    for offer in without_caption.all():
        expect(offer).to_be_hidden()


def test_a_table_leaves_by_our_button_alone_which_guards_formulas(app):
    app.open("/experiments?store=demo&experiment=statistics")
    table = app.page.get_by_test_id("stDataFrame")
    table.hover()
    tools = app.page.get_by_test_id("stElementToolbarButton")
    expect(tools.get_by_role("button", name="Search")).to_be_visible()
    expect(tools.get_by_role("button", name=re.compile("CSV"))).to_have_count(0)
    with app.page.expect_download(timeout=120_000) as started:
        app.page.get_by_role("button", name="This table as CSV").click()
    frame = pd.read_csv(started.value.path())
    assert {"unit", "quoted", "q"} <= set(frame)
    assert frame["unit"].is_unique
