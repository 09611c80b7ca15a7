"""A first visit and the guided tour in a real browser."""

import re

from playwright.sync_api import expect

from explorer.tour import STEPS, WELCOME


def offer(app):
    return app.page.locator(".us-welcome").get_by_role("button", name="Take the tour")


def test_a_first_visit_is_told_what_this_is_once_and_the_tour_can_be_taken_again(app):
    app.open("/?store=demo")
    expect(app.page.get_by_text(" ".join(WELCOME))).to_be_visible()
    offer(app).click()
    for number, step in enumerate(STEPS, start=1):
        card = app.page.locator(".st-key-tour")
        expect(card).to_contain_text(f"{step.title} step {number} of 6", timeout=30_000)
        app.asks("/" if number == 1 else f"/{step.page}", tour=str(number))
        if number < len(STEPS):
            card.get_by_role("button", name=re.compile("^Next: ")).click()
    card.get_by_role("button", name="End the tour").click()
    expect(card).to_have_count(0)
    app.open("/?store=demo")
    expect(app.page.locator(".us-sentence")).to_be_visible()
    expect(offer(app)).to_have_count(0)
    app.page.keyboard.press("?")
    app.page.get_by_role("dialog").get_by_role("button", name="Take the tour").click()
    expect(app.page.locator(".st-key-tour")).to_contain_text("step 1 of 6")
    expect(app.page.get_by_role("dialog")).to_have_count(0)


def test_who_wants_no_tour_is_not_asked_again(app):
    app.open("/?store=demo")
    app.page.locator(".us-welcome").get_by_role("button", name="No, thanks").click()
    expect(offer(app)).to_have_count(0)
    app.open("/?store=demo")
    expect(app.page.locator(".us-sentence")).to_be_visible()
    expect(offer(app)).to_have_count(0)
