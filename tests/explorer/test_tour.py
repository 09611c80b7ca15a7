"""The tour: each step stands on its page, on every kind of store, and nowhere where it is not taken."""

import pytest

from explorer import navigate
from explorer.page_registry import file_of
from explorer.tour import STEPS, WELCOME
from tests.explorer.conftest import FULL, put
from tests.factory import Recipe

BARE = Recipe(per_class=12, layers=FULL.layers[-1:], without=frozenset({"measures", "attribution"}))


def test_three_sentences_and_six_steps_each_on_a_page_that_is_there():
    assert len(WELCOME) == 3
    assert all(sentence.endswith(".") and sentence.count(". ") == 0 for sentence in WELCOME)
    assert len(STEPS) == 6
    assert all(file_of(step.page) for step in STEPS)


@pytest.fixture
def gone(monkeypatch):
    """Where clicks lead: a test of a page cannot follow them."""
    places = []
    monkeypatch.setattr(navigate, "go", lambda page, chosen: places.append((page, chosen)))
    return places


@pytest.mark.parametrize(
    "recipe", [pytest.param(FULL, marks=pytest.mark.long, id="full"), pytest.param(BARE, id="bare")]
)
@pytest.mark.usefixtures("answering_stand_in")
def test_the_tour_leads_from_page_to_page_and_ends(recipe, made, runs, answered, gone):
    put(made("full" if recipe is FULL else "bare", recipe), runs)
    query = {"store": "demo", "tour": "1"}
    for number, step in enumerate(STEPS, start=1):
        page = answered(step.page, **query)
        assert f"<b>{step.title}</b> <small>step {number} of 6</small>" in page.words
        assert "us-alert" not in page.words
        if number < len(STEPS):
            page.app.button(key="tour_next").click().run()
            file, chosen = gone[-1]
            assert file == file_of(STEPS[number].page)
            query = chosen.query()
            query["class_"] = query.pop("class", None)
            query = {name: value for name, value in query.items() if value is not None}
    page.app.button(key="tour_end").click().run()
    assert "step 6 of 6" not in page.words


def test_whoever_leaves_its_path_is_led_back(made, runs, show, gone):
    put(made("full"), runs)
    page = show("compare", store="demo", tour="3")
    assert "You have left the path of the tour." in page.words
    page.app.button(key="tour_on").click().run()
    file, chosen = gone[-1]
    assert (file, chosen.tour) == (file_of("unit"), "3")
    assert chosen.unit is not None


def test_a_step_that_is_not_there_is_told(made, runs, show):
    put(made("full"), runs)
    assert "“7”, which is not there" in show(store="demo", tour="7").words


def test_the_first_visit_is_welcomed_on_the_overview_alone(made, runs, show):
    put(made("full"), runs)
    for name, welcomed in (("overview", 1), ("layer", 0)):
        page = show(name, store="demo")
        found = [one for one in page.app.get("bidi_component") if one.proto.component_name == "unitscope_welcome"]
        assert len(found) == welcomed
