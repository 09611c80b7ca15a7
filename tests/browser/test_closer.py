"""A closer look at a unit in a real browser, opened from its page."""

import re

from playwright.sync_api import expect

SLOW = 120_000  # the network is loaded for the first question


def test_a_unit_is_set_beside_another_by_a_click_in_the_figure(app):
    app.open("/unit?store=demo&unit=5")
    app.settle(lambda: app.page.get_by_role("link", name=re.compile("^Look closer")).click())
    app.asks("/closer", unit="5")
    expect(app.page.locator(".us-sentence")).to_contain_text("unit 5")
    points = app.page.locator("[data-testid=stVegaLiteChart] .mark-symbol path[aria-roledescription=circle]")
    app.settle(lambda: points.last.click(force=True))
    expect(app.page.get_by_text(re.compile(r"^Unit 5 beside unit \d+$"))).to_be_visible()
    expect(app.page.get_by_text(re.compile("^Accuracy of every class"))).to_be_visible()
    other = re.search(r"other=(\d+)", app.page.url)[1]
    assert other != "5"
    app.settle(lambda: app.page.get_by_role("link", name="Unit 5", exact=True).first.click())
    app.asks("/unit", unit="5")
    assert "other=" not in app.page.url


def test_a_map_on_demand_is_held_to_random_weights(app):
    app.open("/unit?store=demo&unit=5")
    app.settle(lambda: app.page.get_by_role("link", name=re.compile("^Any method on any exemplar")).click())
    app.asks("/closer", part="maps", unit="5")
    reach = app.page.get_by_text(re.compile("pixels of .* that the peak can depend on|peak can depend on .* pixels"))
    expect(reach).to_be_visible(timeout=SLOW)
    app.page.get_by_role("radio", name="Guided backpropagation").click()
    app.asks("/closer", by="guided_backpropagation")
    held = app.page.get_by_role("button", name="Hold it to random weights")
    expect(held).to_be_visible(timeout=SLOW)
    held.click()
    app.asks("/closer", check="yes")
    expect(app.page.get_by_text(re.compile("With all weights in random order the map looks"))).to_be_visible(
        timeout=SLOW
    )
    maps = app.page.locator(".us-gallery .us-faded")
    expect(maps).to_have_count(4)
    before = app.page.url
    app.page.locator(".us-gallery a.us-to").nth(3).click()
    app.page.wait_for_url(lambda address: address != before and "image=" in address)
    expect(reach).to_be_visible(timeout=SLOW)


def test_a_unit_is_turned_in_sign_beside_its_stored_ablation(app):
    app.open("/closer?store=demo&unit=5&part=ablations")
    app.page.get_by_role("radio", name="turned in sign").click()
    app.asks("/closer", change="turned")
    expect(app.page.locator(".us-sentence")).to_contain_text("With unit 5 turned in sign, ", timeout=SLOW)
    expect(app.page.locator(".us-table td", has_text="set to zero")).to_be_visible(timeout=SLOW)
    heading = app.page.get_by_role("heading", name=re.compile("^Accuracy of every class.*with it turned in sign"))
    expect(heading).to_be_visible(timeout=SLOW)
