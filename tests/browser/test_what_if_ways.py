"""Ways through a what-if in a real browser: stopped, waiting, changed otherwise, pair by pair, refused."""

import re

import pandas as pd
from playwright.sync_api import expect

from precompute.store.reader import open_store
from tests.browser.conftest import AT_REST, serve
from tests.browser.test_what_if import SLOW
from tests.factory import Recipe, as_if_written, make_store

HERE = "/what_if?store=demo&layer=features.8"
WAITS = f"{HERE}&units=2"  # the stand-in answers nothing about unit 2 until it is told to stop


def stop(app):
    return app.page.get_by_role("button", name="Stop", exact=True)


def test_a_question_that_runs_is_stopped_and_the_next_reader_gets_an_answer(tab, small_server):
    first, second = tab(small_server), tab(small_server)
    first.open(WAITS)
    expect(first.page.get_by_text("Reading the images: 3 of 8")).to_be_visible()
    second.open(f"{HERE}&units=8,9")
    expect(second.page.get_by_text("Waiting for 1 other question.")).to_be_visible()
    stop(first).click()
    expect(first.page.get_by_text("This was stopped.")).to_be_visible()
    expect(stop(first)).to_have_count(0)
    second.says("Without units 8 and 9, ")
    first.page.get_by_role("button", name="Ask again").click()
    expect(first.page.get_by_text("Reading the images: 3 of 8")).to_be_visible()
    stop(first).click()
    expect(first.page.get_by_text("This was stopped.")).to_be_visible()


def choose(app, change):
    app.page.get_by_role("combobox", name="What becomes of them").click()
    app.settle(lambda: app.page.get_by_role("option", name=change).click())


def test_units_take_their_means_or_the_maps_of_another_image_and_are_looked_at_pair_by_pair(tab, small_server):
    app = tab(small_server)
    app.open(f"{HERE}&units=5-7")
    app.says("Without units 5–7, ")
    choose(app, "set to their means over all images")
    app.asks("/what_if", change="mean")
    app.says("With units 5–7 at their means, ")
    choose(app, "set to their maps on another image")
    app.says("With units 5–7 as on image 1, ")
    number = app.page.get_by_role("spinbutton", name=re.compile("^Image, of"))
    number.fill("9")
    app.settle(lambda: number.press("Enter"))
    app.asks("/what_if", change="image:8")
    app.says("With units 5–7 as on image 9, ")
    app.page.get_by_role("button", name="Compute all 3 pairs").click()
    app.asks("/what_if", pairs="yes")
    rows = app.page.locator(".us-table tr")
    expect(rows).to_have_count(4)
    pairs = set(app.page.locator(".us-table td:first-child").all_inner_texts())
    assert pairs == {"5 and 6", "5 and 7", "6 and 7"}
    app.page.wait_for_function(f"() => {AT_REST}")
    with app.page.expect_download(timeout=SLOW) as started:
        app.page.get_by_role("button", name="All of them as CSV").click()
    said = app.page.get_by_text(re.compile("images change their answer")).inner_text()
    assert f"{len(pd.read_csv(started.value.path()))} images change their answer" in said


def test_units_are_explained_on_one_image_by_the_method_that_is_chosen(tab, small_server):
    app = tab(small_server)
    app.open(f"{HERE}&units=5,6&on=3")
    app.says("Without units 5 and 6, the answer to image 4 becomes ")
    expect(app.page.locator(".us-gallery figure")).to_have_count(2)
    app.page.get_by_role("radio", name="Integrated gradients").click()
    app.asks("/what_if", by="integrated_gradients", on="3")
    expect(app.page.locator(".us-gallery figure", has_text="sum off by 3 %")).to_have_count(2)


def test_where_images_have_moved_or_code_is_not_allowed_the_way_on_is_said(tab, tmp_path):
    runs = tmp_path / "runs"
    runs.mkdir()
    moved, coded = (make_store(runs / f"{name}.h5", Recipe(n_classes=3, per_class=4)) for name in ("moved", "coded"))
    with as_if_written(moved) as file:
        file["model"].attrs["spec"] = "resnet18"
    with as_if_written(coded) as file:
        file["model"].attrs["spec"] = f"{tmp_path / 'theirs.py'}:build"
    for server in serve(runs, {}):
        app = tab(server)
        app.open("/what_if?store=coded&units=1")
        refused = app.page.get_by_role("alert").filter(has_text="This cannot be answered.")
        expect(refused).to_contain_text("To load it is to run that file", timeout=SLOW)
        expect(refused).to_contain_text("--allow-code")
        app.open("/what_if?store=moved&units=1")
        with open_store(moved) as store:
            expect(refused).to_contain_text(store.images.root, timeout=SLOW)
        expect(app.page.get_by_role("button", name="Ask again")).to_be_visible()
