"""Several raters at once in a real browser, a quiz to its end, and a unit that is named on its own page."""

import re

from playwright.sync_api import expect

from explorer.labels import LABELS
from explorer.quiz_answers import ANSWERS
from tests.browser.test_naming import unit_on

LAYER, FEW = "features.8", "classifier.1"


def begin(app, rater, page):
    app.open(page)
    app.page.get_by_label("Your name").fill(rater)
    app.settle(lambda: app.page.keyboard.press("Enter"))


def test_two_raters_at_once_lose_and_mix_no_label_and_see_nothing_of_each_other(tab, small_server):
    store = small_server.runs / "demo.h5"
    raters = {name: tab(small_server) for name in ("Ada", "Bo")}
    for name, app in raters.items():
        begin(app, name, f"/name?store=demo&layer={LAYER}")
    said = {name: {} for name in raters}
    for step in range(4):
        for name, app in raters.items():
            unit = unit_on(app)
            said[name][unit] = f"{name}'s word {step}" if step % 2 else "a kite"
            app.page.get_by_label("It answers to").fill(said[name][unit])
        for app in raters.values():  # the second does not wait for the first
            app.page.keyboard.press("Enter")
        for app in raters.values():
            expect(app.page.locator(".us-sentence")).to_contain_text(f"you have named {step + 1},", timeout=15_000)
    for name, other in (("Ada", "Bo"), ("Bo", "Ada")):
        assert {each.unit: each.text for each in LABELS.load(store) if each.rater == name} == said[name]
        # Among the recent ones are only one's own.
        expect(raters[name].page.get_by_text(f"{name}'s word 3")).to_be_visible()
        expect(raters[name].page.get_by_text(f"{other}'s word")).to_have_count(0)
    reader = raters["Ada"]
    reader.open("/?store=demo")
    row = reader.page.locator(".us-table tr", has_text="Ada").filter(has_text="Bo").first
    expect(row).to_contain_text(re.compile(r"4\s*2\s*0\.\d\d"))


def test_a_quiz_comes_to_its_end_with_the_last_verdict_and_the_score_with_its_interval(tab, small_server):
    app = tab(small_server)
    begin(app, "Quinn", f"/quiz?store=demo&layer={FEW}")
    verdict = app.page.locator("[role=status]")
    app.says("Which of the two makes unit ")
    turn = 0
    while app.page.locator(".st-key-quiz").count():
        turn += 1
        expect(app.page.locator(".st-key-quiz img")).to_have_count(20)
        app.settle(lambda: app.page.keyboard.press("ArrowLeft"))
        expect(app.page.get_by_text(re.compile(rf"^You have \d of {turn} questions? right"))).to_be_visible()
        expect(verdict).to_have_text(re.compile(r"^Unit \d: (right|wrong, .*)\."))
    app.says("You have answered every question on this layer.")
    given = ANSWERS.load(small_server.runs / "demo.h5")
    right = sum(answer.is_right for answer in given)
    assert turn > 1
    score = rf"^You have {right} of {turn} questions right \(\d+\s% to \d+\s%; half is chance\)"
    expect(app.page.get_by_text(re.compile(score))).to_be_visible()
    assert [(answer.rater, answer.layer) for answer in given] == [("Quinn", FEW)] * turn


def test_a_unit_is_named_on_its_page_and_the_name_is_taken_back(tab, small_server):
    app = tab(small_server)
    app.open(f"/unit?store=demo&layer={FEW}&unit=1")
    app.page.get_by_role("button", name="Name it").click()
    form = app.page.get_by_test_id("stPopoverBody")
    form.get_by_label("Your name").fill("Eve <i>")
    form.get_by_label("It answers to").fill("$x$ | [a](b) <b>")
    form.get_by_role("radio", name="sure", exact=True).click()
    app.settle(lambda: form.get_by_role("button", name="Save").click())
    expect(app.page.get_by_text("Called “$x$ | [a](b) <b>” (Eve <i>, sure)")).to_be_visible()
    app.page.keyboard.press("Escape")
    app.page.get_by_role("button", name="Named by 1 person").click()
    app.settle(lambda: form.get_by_role("button", name="Take my label back").click())
    expect(app.page.get_by_text("Called “")).to_have_count(0)
    assert [each for each in LABELS.load(small_server.runs / "demo.h5") if each.layer == FEW] == []
