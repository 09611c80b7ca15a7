"""Two layers beside each other in a real browser, their units matched."""

import re

from playwright.sync_api import expect


def test_units_of_two_layers_are_matched_and_one_is_looked_at_by_its_address(app):
    app.open("/compare?store=demo")
    app.settle(lambda: app.page.get_by_role("radio", name="Units matched").click())
    app.asks("/compare", part="matched")
    expect(app.page.get_by_text(re.compile(r"have a match in .* beyond chance"))).to_be_visible(timeout=20_000)
    expect(app.page.get_by_text(re.compile(r"^Unit \d+ beside its match"))).to_be_visible()
    app.page.get_by_role("combobox", name="Units of").click()
    layer = app.page.get_by_role("option").first.inner_text()
    app.settle(lambda: app.page.get_by_role("option").first.click())
    app.asks("/compare", layer=layer)
    expect(app.page.get_by_text(re.compile(rf"units of demo · {re.escape(layer)} that vary"))).to_be_visible()
    unit = app.page.locator(".us-to", has_text=re.compile(r"^Unit \d+$")).first
    number = unit.inner_text().split()[1]
    app.settle(unit.click)
    app.asks("/unit", unit=number, layer=layer)
    assert "part=" not in app.page.url
