"""Units are found and leave as a file, what is asked is kept, raters exchange labels, stores are compared."""

import re
import shutil

import pandas as pd
import pytest
from playwright.sync_api import expect

from explorer.labels import LABELS, Label
from precompute.measures.agreement import cohens_kappa
from precompute.store.reader import open_store
from tests.browser.test_ways import find
from tests.browser.test_what_if import RIGHT, says


def downloaded(app, name):
    """The table that a button hands over."""
    with app.page.expect_download(timeout=30_000) as started:
        app.page.get_by_role("button", name=name).click()
    return pd.read_csv(started.value.path())


def test_units_are_found_by_conditions_that_combine_and_leave_as_a_file(app, server):
    with open_store(server.runs / "demo.h5") as store:
        layer = store.layers[-1]
        name, n_units = layer.name, layer.n_units
        selectivity = layer.measures["class_selectivity"].values
    least = float(pd.Series(selectivity).median())
    app.open(f"/layer?store=demo&layer={name}")
    by = app.page.get_by_role("combobox", name="Find units by")
    for condition in ("Class selectivity", "Unit numbers"):
        by.fill(condition)
        app.settle(lambda: by.press("Enter"))
    app.page.keyboard.press("Escape")  # behind its list the page cannot be used
    number = app.page.get_by_role("spinbutton", name=re.compile("^Class selectivity.*at least"))
    number.fill(f"{least:.6f}")
    app.settle(lambda: number.press("Enter"))
    listed = app.page.get_by_role("textbox", name="Unit numbers")
    listed.fill("0-9")
    app.settle(lambda: listed.press("Enter"))
    wanted = [unit for unit in range(10) if selectivity[unit] >= round(least, 6)]
    assert 0 < len(wanted) < 10
    expect(app.page.get_by_text(re.compile(rf"^{len(wanted)} units? of {n_units} found"))).to_be_visible()
    app.page.reload()
    expect(app.page.get_by_text(re.compile(rf"^{len(wanted)} units? of {n_units} found"))).to_be_visible()
    assert downloaded(app, "All measures of these units as CSV")["unit"].tolist() == wanted


def test_a_what_if_is_kept_by_name_and_asked_again(app):
    app.open("/what_if?store=demo&units=2,4")
    says(app, "^Without units 2 and 4" + RIGHT)
    name = app.page.get_by_role("textbox", name="Name", exact=True)
    name.fill("two that matter")
    app.settle(lambda: name.press("Enter"))
    app.settle(lambda: app.page.get_by_role("button", name="Save", exact=True).click())
    app.open("/what_if?store=demo")
    says(app, "^What if units")
    app.page.get_by_role("link", name="two that matter").click()
    says(app, "^Without units 2 and 4" + RIGHT)
    app.asks("/what_if", units="2,4")
    # Streamlit keeps a second, hidden copy of the button.
    app.settle(app.page.locator("[class*=remove_what_if] button").filter(visible=True).click)
    expect(app.page.get_by_role("link", name="two that matter")).to_have_count(0)
    says(app, "^Without units 2 and 4" + RIGHT)


@pytest.fixture
def second_store(server):
    """Another store of the same images, beside the one of all tests."""
    second = server.runs / "second.h5"
    shutil.copyfile(server.runs / "demo.h5", second)
    yield second
    for file in server.runs.glob("*second*"):
        file.unlink()


def test_labels_of_a_colleague_are_taken_in_compared_given_out_and_found(app, second_store, tmp_path):
    with open_store(second_store) as store:
        layer = store.layers[0].name
    own, theirs = (
        [Label(layer, unit, rater, "red kite" if unit in kites else "wheel") for unit in range(8)]
        for rater, kites in (("Ada", {1, 3, 5, 7}), ("Bo", {1, 3, 5, 6}))
    )
    LABELS.put(second_store, *own)
    file = tmp_path / "labels.csv"
    file.write_text(LABELS.write(theirs), "utf-8", newline="")
    app.open("/?store=second")
    app.page.get_by_role("button", name="Take in labels").click()
    app.settle(lambda: app.page.locator("input[type=file]").set_input_files(file))
    expect(app.page.get_by_text("Taken in: 8 labels.")).to_be_visible()
    app.page.keyboard.press("Escape")
    # Six of eight alike, and half of them by chance: kappa is 0.5.
    agreement = app.page.locator(".us-table tr", has_text="Ada").filter(has_text="Bo").first
    expect(agreement).to_contain_text(re.compile(r"8\s*6\s*0\.50"))
    assert len(downloaded(app, "Labels as CSV")) == 16
    find(app, "red kite")
    expect(app.page.locator(".us-found")).to_contain_text("“red kite”")
    labelled = app.page.locator(".us-found").get_by_role("link", name=re.compile(rf"^{re.escape(layer)}:\d+$")).first
    app.settle(labelled.click)
    app.asks("/unit", layer=layer, store="second")


def test_raters_with_enough_labels_are_told_kappa_with_its_interval(app, second_store):
    with open_store(second_store) as store:
        units = [(layer.name, unit) for layer in store.layers[:2] for unit in range(12)]
    ours = [f"name {at % 6}" for at in range(24)]
    theirs = [*ours[1:6], ours[0], *ours[6:]]
    for rater, names in (("Ada", ours), ("Bo", theirs)):
        LABELS.put(second_store, *(Label(*unit, rater, name) for unit, name in zip(units, names, strict=True)))
    # Each rater gives each of six names to four units: they agree on 18 of 24, on a sixth by chance.
    kappa = (18 / 24 - 1 / 6) / (1 - 1 / 6)
    one = cohens_kappa(ours, theirs)
    assert one.low < kappa < one.high
    app.open("/?store=second")
    agreement = app.page.locator(".us-table tr", has_text="Ada").filter(has_text="Bo").first
    shown = rf"24\s*18\s*{kappa:.2f}\s*{one.low:.2f} to {one.high:.2f}"
    expect(agreement).to_contain_text(re.compile(shown))
    app.page.get_by_text("Label by label").click()
    expect(
        app.page.get_by_text("It has an interval where each of the two gives it to at least 20 units")
    ).to_be_visible()


def test_two_stores_stand_beside_each_other(app, second_store):
    app.open("/compare?store=demo")
    stores = app.page.get_by_role("combobox", name="Stores")
    expect(app.page.locator(".us-table").first).to_contain_text("second")
    app.settle(lambda: app.page.get_by_label(re.compile("^Remove second|second, close")).first.click())
    expect(app.page.get_by_text("Below are the layers of one store.")).to_be_visible()
    stores.fill("second")
    app.settle(lambda: stores.press("Enter"))
    expect(app.page.locator(".us-table").first).to_contain_text("second")
    expect(app.page.locator("[data-testid=stVegaLiteChart]").first).to_contain_text("second")
