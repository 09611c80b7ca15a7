"""Questions as text and as JSON."""

import json

import pytest

from precompute.errors import OptionError
from precompute.what_if.request import Change, Request


@pytest.mark.parametrize("text", ["off", "mean", "scale:-1", "scale:2.5", "scale:3", "image:0", "image:17"])
def test_a_change_is_read_as_it_is_written(text):
    assert Change.read(text).written() == text


@pytest.mark.parametrize(
    "text", ["", "of", "off:1", "scale", "scale:", "scale:4", "scale:nan", "scale:inf", "image", "image:-1", "image:x"]
)
def test_what_is_no_change_is_refused(text):
    with pytest.raises(OptionError):
        Change.read(text)


def test_a_request_survives_json():
    request = Request("features.8", (1, 2, 9), Change("image", image=4), image=3, pairs=True, method="gradient")
    assert Request.from_json(json.loads(json.dumps(request.as_json()))) == request


@pytest.mark.parametrize("units", [(), (2, 1), (1, 1), (-1, 3)])
def test_units_are_ascending_and_at_least_one(units):
    with pytest.raises(OptionError):
        Request("a", units)


def test_eleven_units_are_not_paired():
    Request("a", tuple(range(10)), pairs=True)
    with pytest.raises(OptionError, match="10 units at most"):
        Request("a", tuple(range(11)), pairs=True)


def test_what_is_no_method_is_refused():
    with pytest.raises(OptionError, match="no method"):
        Request("a", (1,), image=3, method="magic")


@pytest.mark.parametrize("told", [{}, {"layer": 1}, {**Request("a", (1,)).as_json(), "units": ["x"]}])
def test_other_json_is_no_request(told):
    with pytest.raises(OptionError):
        Request.from_json(told)
