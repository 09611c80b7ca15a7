"""The ways from page to page, in a real browser: a picture to its image, a name to its class, a field that finds."""

import re
from urllib.parse import parse_qs, urlparse

from playwright.sync_api import expect

from tests.browser.test_explorer import open_a_unit

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
    app.settle(tile.locator("a").click)
    app.asks("/unit", unit=unit)
    app.says(f"Unit {unit} ")
    assert stays(app)
    app.settle(app.page.go_back)
    app.asks("/image", image=path)


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
    picture = app.page.locator("a.us-to[href^='image?']").first
    path = parse_qs(urlparse(picture.get_attribute("href")).query)["image"][0]
    app.settle(picture.click)
    app.asks("/image", image=path)
    app.settle(app.page.locator(".us-sentence a.us-to[href^='class?']").first.click)
    app.says(title)
    assert stays(app)
