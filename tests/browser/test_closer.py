"""A closer look at a unit in a real browser, opened from its page."""

import re

from playwright.sync_api import expect


def test_a_unit_is_set_beside_another_by_a_click_in_the_figure(app):
    app.open("/unit?store=demo&unit=5")
    app.settle(lambda: app.page.get_by_role("link", name=re.compile("^Look closer")).click())
    app.asks("/closer", unit="5")
    expect(app.page.locator(".us-sentence")).to_contain_text("unit 5")
    points = app.page.locator("[data-testid=stVegaLiteChart] .mark-symbol path[aria-roledescription=circle]")
    app.settle(lambda: points.last.click(force=True))
    expect(app.page.get_by_text(re.compile(r"^Unit 5 beside unit \d+$"))).to_be_visible()
    expect(app.page.get_by_text(re.compile("^Accuracy without either"))).to_be_visible()
    other = re.search(r"other=(\d+)", app.page.url)[1]
    assert other != "5"
    app.settle(lambda: app.page.get_by_role("link", name="Unit 5", exact=True).click())
    app.asks("/unit", unit="5")
    assert "other=" not in app.page.url
