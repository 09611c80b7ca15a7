"""The stop before the last is where the reader came from."""

from explorer.trail import Stop, step


def way(*stops):
    trail = ()
    for page, looked_at in stops:
        trail = step(trail, Stop(page, looked_at, {"at": looked_at}))
    return [(stop.page, stop.name) for stop in trail]


def test_each_further_page_is_a_stop():
    assert way(("store", ""), ("layer", "a"), ("unit", "3")) == [("store", ""), ("layer", "a"), ("unit", "3")]


def test_moving_about_on_a_page_is_one_stop_as_it_was_left():
    assert way(("layer", "a"), ("unit", "3"), ("unit", "4")) == [("layer", "a"), ("unit", "4")]


def test_going_back_to_the_stop_before_shortens_the_way():
    assert way(("store", ""), ("layer", "a"), ("unit", "3"), ("layer", "a")) == [("store", ""), ("layer", "a")]


def test_the_same_page_of_something_else_goes_on():
    assert way(("layer", "a"), ("unit", "3"), ("layer", "b"))[-2:] == [("unit", "3"), ("layer", "b")]


def test_a_long_way_is_forgotten_at_its_beginning():
    stops = [(page, str(n)) for n in range(60) for page in ("unit", "image")]
    assert way(*stops)[-1] == ("image", "59")
    assert len(way(*stops)) < 40
