"""A what-if in a real browser, from the click on a unit's page to the numbers."""

import re

from playwright.sync_api import expect

SLOW = 120_000  # the network is loaded and the images are read, for the first question
RIGHT = r", [\d.]+\s%\s+of the images are right"


def says(app, words):
    expect(app.page.locator(".us-sentence").first).to_have_text(re.compile(words), timeout=SLOW)


def test_from_a_click_on_a_unit_to_the_numbers_of_a_set(app):
    app.open("/unit?store=demo&unit=5")
    app.settle(lambda: app.page.get_by_role("link", name=re.compile("What if this unit")).click())
    app.asks("/what_if", units="5")
    says(app, "^Without unit 5" + RIGHT)
    units = app.page.get_by_role("textbox", name="Units")
    units.fill("3, 5-7, 9")
    units.press("Enter")
    app.asks("/what_if", units="3, 5-7, 9")
    says(app, "^Without units 3, 5–7 and 9" + RIGHT)
    expect(app.page.get_by_text(re.compile("One by one, the losses of the 5 units add up to"))).to_be_visible()
    expect(app.page.locator("[data-testid=stVegaLiteChart] .mark-symbol path").first).to_be_attached()
    expect(app.page.locator(".us-gallery img").first).to_be_visible()
    app.page.reload()
    says(app, "^Without units 3, 5–7 and 9" + RIGHT)
    app.page.go_back()
    says(app, "^Without unit 5" + RIGHT)


def test_a_set_is_scaled_and_looked_at_on_one_image(app):
    app.open("/what_if?store=demo&units=3,4&change=scale:2")
    says(app, "^With units 3 and 4 times 2" + RIGHT)
    app.page.get_by_text("one", exact=True).click()
    app.asks("/what_if", on="0")
    says(app, "the answer to image 1 (stays|becomes)")
    expect(app.page.locator(".us-gallery figure")).to_have_count(2)


def test_a_picture_of_the_readers_is_answered(app, server, tmp_path):
    from PIL import Image

    picture = tmp_path / "mine.png"
    Image.new("RGB", (120, 90), "teal").save(picture)
    app.open("/what_if?store=demo&units=3,4&on=mine")
    says(app, "^What if units")
    app.page.locator("input[type=file]").set_input_files(picture)
    says(app, "the answer to your picture (stays|becomes)")
    assert [path.name for path in server.runs.rglob("*.png")] == []
