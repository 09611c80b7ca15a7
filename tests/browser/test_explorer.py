"""The app in a real browser: what AppTest cannot see (painting, clicks, keys, history, requests)."""

import re
import shutil
from urllib.parse import parse_qs, urlparse

from playwright.sync_api import expect

from precompute.store.reader import open_store
from precompute.what_if.unit_list import read_units


def open_a_layer(app):
    """Go from the overview to its last layer; return the layer's name."""
    app.open("/?store=demo")
    app.settle(lambda: app.page.get_by_role("link", name=re.compile(r"^All .* units of ")).last.click())
    app.asks("/layer", store="demo")
    expect(app.page.locator(".st-key-all_units .tile").first).to_be_visible()
    return parse_qs(urlparse(app.page.url).query)["layer"][0]


def open_a_unit(app):
    """Open unit 3 of the last layer by its address; return the layer's name."""
    with open_store(app.stores / "demo.h5") as store:
        layer = store.layers[-1].name
    app.open(f"/unit?store=demo&layer={layer}&unit=3")
    app.says("Unit 3 ")
    return layer


def test_a_tile_of_the_layer_page_leads_to_its_unit(app):
    open_a_layer(app)
    tile = app.page.locator(".st-key-all_units .tile").first
    name = tile.locator(".unit").inner_text()
    app.settle(tile.click)
    app.asks("/unit", unit=name.removeprefix("unit "))
    app.says(f"{name.capitalize()} ")


def test_a_point_of_the_scatter_leads_to_its_unit_and_back_leads_to_the_layer(app):
    open_a_layer(app)
    # The last point is drawn on top; any other may lie under its neighbours.
    point = app.page.locator(".mark-symbol path").last
    unit = re.search(r"unit: (\d+)", point.get_attribute("aria-label")).group(1)
    before = app.page.url
    app.settle(lambda: point.click(force=True))
    app.asks("/unit", unit=unit)
    app.says(f"Unit {unit} ")
    app.settle(app.page.go_back)
    assert app.page.url == before
    expect(app.page.locator(".tile").first).to_be_visible()


def test_a_box_around_points_finds_their_units_and_asks_what_they_do_together(app):
    open_a_layer(app)
    points = app.page.locator(".mark-symbol path")
    points.last.scroll_into_view_if_needed()
    centres = points.evaluate_all(
        "all => all.map(one => [one.getAttribute('aria-label'), one.getBoundingClientRect()])"
        ".map(([label, at]) => [Number(/unit: ([0-9]+)/.exec(label)[1]), at.x + at.width / 2, at.y + at.height / 2])"
    )
    centres.sort(key=lambda one: one[1])
    last = max(range(2, len(centres) // 2), key=lambda at: centres[at + 1][1] - centres[at][1])
    end = (centres[last][1] + centres[last + 1][1]) / 2
    inside = sorted(unit for unit, _, _ in centres[: last + 1])
    left, top, bottom = centres[0][1] - 12, *(find(y for _, _, y in centres) for find in (min, max))
    app.page.mouse.move(left, top - 12)
    app.page.mouse.down()
    app.page.mouse.move(end, bottom + 12, steps=4)
    app.settle(app.page.mouse.up)
    # A unit without a value has no point, and is none of those found.
    expect(app.page.get_by_text(re.compile(rf"^{len(inside)} units of \d+ found"))).to_be_visible()
    app.settle(lambda: app.page.get_by_role("link", name="What if they were off?").click())
    asked = parse_qs(urlparse(app.page.url).query)["units"][0]
    assert list(read_units(asked, 1 + max(unit for unit, _, _ in centres))) == inside


def test_the_next_unit_comes_by_button_and_by_key(app):
    open_a_unit(app)
    app.settle(lambda: app.page.get_by_role("button", name="Next").click())
    app.asks("/unit", unit="4")
    app.says("Unit 4 ")
    app.settle(lambda: app.page.keyboard.press("ArrowRight"))
    app.says("Unit 5 ")
    app.settle(lambda: app.page.keyboard.press("ArrowLeft"))
    app.says("Unit 4 ")


def test_the_pictures_are_painted_and_most_are_outlined(app):
    open_a_unit(app)
    pictures = app.page.locator(".us-gallery:not(.us-wide) .us-picture")
    widths = pictures.locator("img:first-child").evaluate_all("images => images.map(image => image.naturalWidth)")
    assert pictures.count() > 5
    assert min(widths) > 0
    assert pictures.locator(".us-over").count() > pictures.count() / 2


def test_the_attribution_method_is_the_readers_choice_and_part_of_the_url(app):
    open_a_unit(app)
    before = app.page.locator(".us-wide .us-over").first.get_attribute("src")
    app.settle(lambda: app.page.get_by_role("radio", name="Integrated gradients").click())
    app.asks("/unit", map="integrated_gradients")
    expect(app.page.locator(".us-wide .us-over").first).not_to_have_attribute("src", before)


def test_a_click_on_a_class_looks_at_it_and_a_reload_keeps_it(app):
    open_a_unit(app)
    row = app.page.locator("[class*=st-key-class_profile] .mark-text.role-mark text").first
    title = row.text_content()
    app.settle(lambda: row.click(force=True))
    expect(app.page.get_by_role("heading", name=re.compile(f"^{title} without unit 3"))).to_be_visible()
    address = app.page.url
    app.settle(app.page.reload)
    assert app.page.url == address
    expect(app.page.get_by_role("heading", name=re.compile(f"^{title} without unit 3"))).to_be_visible()


def test_another_click_on_a_class_no_longer_looks_at_it_nor_does_back_swallow_a_click(app):
    open_a_unit(app)
    row = app.page.locator("[class*=st-key-class_profile] .mark-text.role-mark text").first
    about_it = app.page.get_by_role("heading", name=re.compile(f"^{row.text_content()} without unit 3"))
    app.settle(lambda: row.click(force=True))
    expect(about_it).to_be_visible()
    app.settle(lambda: row.click(force=True))
    expect(about_it).to_be_hidden()
    app.settle(app.page.go_back)
    expect(about_it).to_be_visible()
    app.settle(lambda: row.click(force=True))
    expect(about_it).to_be_hidden()


def test_a_step_hands_the_charts_new_data_and_embeds_none_anew(app):
    open_a_unit(app)
    drawings = app.page.locator("[data-testid=stVegaLiteChart] svg.marks")
    expect(drawings).to_have_count(2)
    before = drawings.evaluate_all("found => found.map(each => { each.dataset.seen = 'yes'; return each.outerHTML })")
    app.settle(lambda: app.page.get_by_role("button", name="Next").click())
    app.says("Unit 4")
    expect(app.page.locator("[data-testid=stVegaLiteChart] svg.marks[data-seen=yes]")).to_have_count(2)
    app.page.wait_for_function(
        "before => [...document.querySelectorAll('[data-testid=stVegaLiteChart] svg.marks')]"
        ".every((each, at) => each.outerHTML !== before[at])",
        arg=before,
    )


def test_back_and_forward_step_through_the_units_seen(app):
    open_a_unit(app)
    app.settle(lambda: app.page.get_by_role("button", name="Next").click())
    app.settle(app.page.go_back)
    app.says("Unit 3 ")
    app.settle(app.page.go_forward)
    app.says("Unit 4 ")


def test_a_bad_url_says_what_is_not_there(app):
    layer = open_a_unit(app)
    app.open(f"/unit?store=demo&layer={layer}&unit=99999&class=<b>nothing</b>")
    warning = app.page.get_by_role("alert").inner_text()
    assert "“99999”" in warning
    assert "“<b>nothing</b>”" in warning
    app.says("Unit 0 ")


def test_an_experiment_is_one_click_away_and_its_dots_lead_to_units(app):
    app.open("/?store=demo")
    app.settle(lambda: app.page.get_by_role("link", name="Statistics of the drops").click())
    app.asks("/experiments", experiment="statistics")
    app.says("Statistics of the drops")
    app.settle(lambda: app.page.get_by_role("radiogroup").locator("label").first.click())
    layer = app.page.get_by_role("radiogroup").locator("label").first.inner_text().strip()
    app.asks("/experiments", experiment="statistics", layer=layer)
    dot = app.page.locator(".mark-symbol.role-mark path").last
    unit = re.search(r"unit: (\d+)", dot.get_attribute("aria-label")).group(1)
    app.settle(lambda: dot.click(force=True))
    app.asks("/unit", layer=layer, unit=unit)
    app.settle(app.page.go_back)
    app.says("Statistics of the drops")


def test_an_experiment_that_is_not_there_shows_the_command_that_adds_it(app):
    app.open("/experiments?store=demo&experiment=cumulative")
    expect(app.page.get_by_text("python -m precompute experiment cumulative")).to_be_visible()


def test_the_dark_theme_is_dark_and_its_chart_text_is_light(tab, server):
    app = tab(server, color_scheme="dark")
    open_a_unit(app)
    background = app.page.locator("[data-testid=stApp]").evaluate("node => getComputedStyle(node).backgroundColor")
    text = app.page.locator("[class*=st-key-class_profile] .mark-text.role-mark text").first
    colour = text.evaluate("node => getComputedStyle(node).fill")
    assert max(numbers(background)) < 60
    assert min(numbers(colour)) > 180


def numbers(colour):
    return [int(part) for part in re.findall(r"\d+", colour)[:3]]


def test_without_a_store_the_demo_is_built_and_then_opens_by_itself_in_every_tab(tab, empty_server):
    first, second = tab(empty_server), tab(empty_server)
    first.open("/")
    second.open("/")
    first.settle(lambda: first.page.get_by_role("button", name="Build the demo").click())
    expect(first.page.get_by_text("Drawing pictures")).to_be_visible()
    first.page.reload()
    expect(first.page.get_by_text("Drawing pictures")).to_be_visible()
    expect(second.page.get_by_text("Drawing pictures")).to_be_visible()
    for app in (first, second):
        expect(app.page.locator(".us-sentence")).to_contain_text("demo shows", timeout=15_000)


def test_on_a_narrow_page_no_table_is_cut_off(app):
    app.page.set_viewport_size({"width": 800, "height": 900})
    app.open("/experiments?store=demo&experiment=statistics")
    expect(app.page.locator(".us-table").first).to_be_visible()
    beyond = "all => all.filter(one => one.getBoundingClientRect().right > document.documentElement.clientWidth).length"
    assert app.page.locator(".us-table").evaluate_all(beyond) == 0


def test_the_bar_is_one_line_at_1280_pixels_with_two_stores_and_is_never_cut_off(app, server):
    second = server.runs / "another-network-of-a-long-name.h5"
    shutil.copyfile(server.runs / "demo.h5", second)
    try:
        for width, one_line in ((1280, True), (1920, True), (800, False)):
            app.page.set_viewport_size({"width": width, "height": 800})
            app.open("/?store=demo")
            # Some of them take no room: what only carries a style or a script.
            places = app.page.locator(".st-key-header :is(a, input, button)").evaluate_all(
                "all => all.map(one => one.getBoundingClientRect()).filter(place => place.width > 0)"
                ".map(place => [place.top + place.height / 2, place.right])"
            )
            middles, ends = zip(*places, strict=True)
            assert len(places) >= 12
            assert (max(middles) - min(middles) < 8) == one_line
            assert max(ends) <= width
        # On the narrow page, which is open now, no link goes alone to the second line.
        tops = app.page.locator(".st-key-header a").evaluate_all("all => all.map(one => one.getBoundingClientRect().y)")
        assert max(tops) - min(tops) < 8 < max(middles) - min(middles) < 50
    finally:
        second.unlink()


def test_a_measure_says_what_it_is_under_the_pointer_and_by_the_keyboard(app):
    open_a_unit(app)
    mark = app.page.locator(".us-measures .us-help").first
    told = mark.get_by_role("tooltip")
    expect(told).to_be_hidden()
    mark.hover()
    expect(told).to_contain_text("Range 0 to 1")
    app.page.mouse.move(0, 0)
    expect(told).to_be_hidden()
    mark.focus()
    expect(told).to_be_visible()
