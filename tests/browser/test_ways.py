"""The ways from page to page, in a real browser: a picture to its image, a name to its class, a field that finds."""

import re
from urllib.parse import parse_qs, urlencode, urlparse

import numpy as np
from playwright.sync_api import expect

from precompute.store.reader import open_store
from tests.browser.test_explorer import open_a_layer, open_a_unit

STAYS = "() => { window.stays = true; }"


def stays(app):
    """Whether the app was not loaded anew since the page was marked."""
    return app.page.evaluate("() => window.stays === true")


def asked(app):
    return {name: values[0] for name, values in parse_qs(urlparse(app.page.url).query).items()}


def test_a_picture_leads_to_its_image_and_a_unit_there_to_the_unit_without_loading_anew(app):
    open_a_unit(app)
    app.page.evaluate(STAYS)
    picture = app.page.locator(".us-gallery:not(.us-wide) a.us-to").first
    path = parse_qs(urlparse(picture.get_attribute("href")).query)["image"][0]
    app.settle(picture.click)
    app.asks("/image", image=path)
    expect(app.page.get_by_text(path, exact=True)).to_be_visible()
    tile = app.page.locator(".us-gallery figure", has_text=re.compile(r"unit \d+")).first
    unit = re.search(r"unit (\d+)", tile.inner_text())[1]
    before = app.page.url
    app.settle(tile.locator("a").click)
    app.asks("/unit", unit=unit)
    app.says(f"Unit {unit} ")
    assert stays(app)
    app.settle(app.page.go_back)
    assert app.page.url == before


def test_arrows_lead_from_image_to_image(app):
    app.open("/image?store=demo")
    expect(app.page.locator(".us-place", has_text="image 1 of")).to_be_visible()
    app.settle(lambda: app.page.keyboard.press("ArrowRight"))
    expect(app.page.locator(".us-place", has_text="image 2 of")).to_be_visible()
    first = asked(app)["image"]
    app.settle(lambda: app.page.get_by_role("button", name="Next").click())
    assert asked(app)["image"] != first


def test_a_class_shows_one_layer_or_all_and_its_names_lead_on(app):
    app.open("/class?store=demo")
    expect(app.page.locator(".us-place", has_text="class 1 of")).to_be_visible()
    app.page.evaluate(STAYS)
    app.settle(lambda: app.page.get_by_role("radio", name="all layers").click())
    app.asks("/class", span="all")
    other = app.page.locator(".us-table a.us-to[href^='class?']").first
    while not other.count():  # not every class is confused with another
        app.settle(lambda: app.page.get_by_role("button", name="Next").click())
    title = other.inner_text()
    app.settle(other.click)
    app.says(title)
    app.asks("/class", span="all")
    app.settle(app.page.locator("a.us-to[href^='image?']").first.click)
    app.asks("/image", span="all")
    expect(app.page.locator(".us-place", has_text="image ")).to_be_visible()
    own = app.page.locator(".us-sentence a.us-to[href^='class?']").first
    title = own.inner_text()
    app.settle(own.click)
    app.says(title)
    assert stays(app)


def find(app, text):
    field = app.page.get_by_role("textbox", name="Find")
    field.fill(text)
    app.settle(lambda: field.press("Enter"))


def test_the_field_finds_a_unit_a_class_and_an_image_from_any_page(app):
    layer = open_a_unit(app)
    app.page.evaluate(STAYS)
    find(app, f"{layer}:2")
    app.asks("/unit", unit="2")
    app.says("Unit 2 ")
    expect(app.page.get_by_role("textbox", name="Find")).to_have_value("")
    app.settle(lambda: app.page.get_by_role("link", name="Class", exact=True).click())
    title = app.page.locator(".us-sentence b").first.inner_text()
    find(app, title.split()[-1].upper())
    listed = app.page.locator(".us-found")
    expect(listed.get_by_role("link", name=title, exact=True)).to_be_visible()
    image = listed.locator("a[href^='image?']").first
    path = image.inner_text()
    app.settle(image.click)
    app.asks("/image", image=path)
    expect(app.page.locator(".us-found")).to_have_count(0)
    find(app, "no such thing")
    expect(app.page.locator(".us-found")).to_have_text("Nothing is called “no such thing” here.")
    assert stays(app)


def test_a_link_to_another_part_of_the_open_page_changes_the_address(app):
    app.open("/experiments?store=demo&experiment=statistics")
    app.page.wait_for_function("() => history.pushState.keepsOne")  # what follows links has arrived
    app.page.evaluate(STAYS)
    for name in ("cumulative", "rotation"):
        app.settle(app.page.locator(f".st-key-experiments a[href$='experiment={name}']").click)
        app.asks("/experiments", experiment=name)
    app.settle(app.page.go_back)
    app.asks("/experiments", experiment="cumulative")
    assert stays(app)


def test_the_bar_leads_to_every_page_and_the_way_back_is_a_click(app):
    layer = open_a_unit(app)
    app.page.evaluate(STAYS)
    for name, path in (("Class", "/class"), ("Image", "/image"), ("Compare", "/compare"), ("Layer", "/layer")):
        app.settle(lambda name=name: app.page.locator(".st-key-header").get_by_role("link", name=name).click())
        app.asks(path, layer=layer)
        expect(app.page.locator(".st-key-came_from a")).to_be_visible()
    app.settle(lambda: app.page.locator(".st-key-came_from a").click())
    app.asks("/compare")
    app.settle(lambda: app.page.locator(".st-key-came_from a").click())
    app.asks("/image")
    app.settle(app.page.go_back)
    app.asks("/compare")
    app.settle(app.page.go_forward)
    app.asks("/image")
    assert stays(app)


def test_a_bar_of_the_accuracies_leads_to_its_class(app):
    app.open("/?store=demo")
    row = app.page.locator(".st-key-accuracy .mark-text.role-mark text").first
    title = row.text_content()
    app.settle(lambda: row.click(force=True))
    app.asks("/class")
    app.says(title)


def test_the_corner_of_a_picture_on_a_wall_leads_to_its_image(app):
    open_a_layer(app)
    frame = app.page.locator(".st-key-all_units .tile .pictures > span").first
    frame.hover()
    corner = frame.locator(".corner")
    path = corner.get_attribute("title").removeprefix("Look at this image: ")
    app.settle(corner.click)
    app.asks("/image", image=path)


def test_the_help_opens_at_its_key_and_another_palette_colours_the_page(app):
    open_a_unit(app)
    bar = app.page.locator("[class*=st-key-class_profile] .role-mark path[fill='#1f7fb8']").first
    expect(bar).to_be_attached()
    app.page.keyboard.press("?")
    expect(app.page.get_by_role("dialog").get_by_text("Orange: accuracy lost")).to_be_visible()
    expect(
        app.page.get_by_role("dialog").get_by_text("the unit, class or image before and after this one")
    ).to_be_visible()
    app.page.get_by_role("radio", name="for colour-blind readers").click()
    expect(app.page.locator("[class*=st-key-class_profile] .role-mark path[fill='#1a95fe']").first).to_be_attached()
    expect(bar).to_have_count(0)
    expect(app.page.get_by_role("dialog")).to_have_count(0)
    field = app.page.get_by_role("textbox", name="Find")
    field.press("?")
    expect(field).to_have_value("?")
    expect(app.page.get_by_role("dialog")).to_have_count(0)


def kept(app, palette):
    """Wait until the browser has stored a palette: the colours can change a moment before it has."""
    app.page.wait_for_function("palette => document.cookie.includes(`unitscope_palette=${palette}`)", arg=palette)


def test_a_palette_is_kept_over_a_reload_until_another_is_chosen_and_a_link_goes_first(app):
    def bars(colour):
        return app.page.locator(f"[class*=st-key-class_profile] .role-mark path[fill='{colour}']").first

    def choose(title):
        app.page.get_by_role("button", name="?", exact=True).click()
        app.page.get_by_role("radio", name=title, exact=True).click()

    layer = open_a_unit(app)
    choose("for colour-blind readers")
    expect(bars("#1a95fe")).to_be_attached()
    kept(app, "colour-blind")
    app.settle(app.page.reload)
    expect(bars("#1a95fe")).to_be_attached()
    app.open(f"/unit?store=demo&layer={layer}&unit=3&palette=print")
    expect(bars("#02305f")).to_be_attached()
    app.open(f"/unit?store=demo&layer={layer}&unit=3")
    expect(bars("#1a95fe")).to_be_attached()
    choose("standard")
    expect(bars("#1f7fb8")).to_be_attached()
    kept(app, "standard")
    app.settle(app.page.reload)
    expect(bars("#1f7fb8")).to_be_attached()


def test_the_palette_for_print_is_kept_where_a_dark_page_cannot_show_it(tab, server):
    app = tab(server, color_scheme="dark")
    open_a_unit(app)
    app.page.get_by_role("button", name="?", exact=True).click()
    # What lies over the page does not inherit its theme: lines were those of a light page.
    line = app.page.get_by_role("dialog").locator(".us-keys tr + tr td").first
    assert "223, 227, 230" not in line.evaluate("node => getComputedStyle(node).borderTopColor")
    app.settle(lambda: app.page.get_by_role("radio", name="for print").click())
    expect(app.page.get_by_text("The colours for print are for light pages")).to_be_visible()
    kept(app, "print")
    app.settle(app.page.reload)
    app.page.get_by_role("button", name="?", exact=True).click()
    expect(app.page.get_by_role("radio", name="for print")).to_be_checked()


BROKEN = """() => [...document.querySelectorAll('.us-table td:is(:first-child, .us-number)')].filter(cell => {
    const words = document.createRange();
    words.selectNodeContents(cell);
    return words.getBoundingClientRect().height > 2 * parseFloat(getComputedStyle(cell).fontSize);
}).map(cell => cell.innerText)"""


def class_that_loses_most(app):
    """The folder of the class of the largest drop; the first class may lose nothing without any unit."""
    with open_store(app.stores / "demo.h5") as store:
        drops = np.concatenate([layer.ablation("zero").drop for layer in store.layers])
        return store.classes.name[int(np.nanmax(drops, axis=0).argmax())]


def test_no_name_of_a_layer_and_no_number_is_broken_in_a_table_of_all_layers(app):
    app.page.set_viewport_size({"width": 1280, "height": 800})
    app.open(f"/class?{urlencode({'store': 'demo', 'span': 'all', 'class': class_that_loses_most(app)})}")
    expect(app.page.locator(".us-table th", has_text="its lost images are taken for")).to_be_visible()
    assert app.page.evaluate(BROKEN) == []


def test_a_table_of_few_units_has_no_empty_rows(app):
    layer = open_a_layer(app)
    app.open(f"/layer?store=demo&layer={layer}&find=units%3D2-4")
    table = app.page.get_by_test_id("stDataFrame")
    expect(table).to_be_visible()
    assert 4 * 35 <= table.bounding_box()["height"] < 5 * 35


CUT = """() => [...document.querySelectorAll('.us-gallery figcaption span:last-child')]
    .filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.innerText)"""


def test_no_number_below_a_picture_is_cut_on_a_narrow_screen(app):
    app.page.set_viewport_size({"width": 800, "height": 900})
    for page in ("image", "class", "unit"):
        app.open(f"/{page}?store=demo&span=all")
        expect(app.page.locator(".us-gallery figcaption").first).to_be_visible()
        assert app.page.evaluate(CUT) == []
