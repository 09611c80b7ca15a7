"""Messages over a pipe."""

import io
import json

import numpy as np
import pytest

from precompute.what_if.wire import WireError, receive, send


def test_messages_arrive_as_they_were_sent():
    pipe = io.BytesIO()
    send(pipe, {"id": 1, "say": "a\nb"}, {"x": np.arange(6, dtype=np.int32).reshape(2, 3)[:, ::2], "": np.zeros(0)})
    send(pipe, {"id": 2})
    pipe.seek(0)
    told, arrays = receive(pipe)
    assert told == {"id": 1, "say": "a\nb"}
    np.testing.assert_array_equal(arrays["x"], [[0, 2], [3, 5]])
    assert arrays["x"].dtype == np.int32
    assert receive(pipe) == ({"id": 2}, {})
    assert receive(pipe) is None


def a_pickle():
    file = io.BytesIO()
    np.save(file, np.array([{}], dtype=object), allow_pickle=True)
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"hello\n",
        b"[1]\n",
        b'{"arrays": {}}',
        b'{"arrays": {"x": -1}}\n',
        b'{"arrays": {"x": 5}}\n123',
        b'{"arrays": {"x": 3}}\n123',
        b'{"arrays": {"x": 99999999999}}\n',
        json.dumps({"arrays": {"x": len(a_pickle())}}).encode() + b"\n" + a_pickle(),
    ],
)
def test_anything_else_is_refused(data):
    with pytest.raises(WireError):
        receive(io.BytesIO(data))


def test_objects_are_not_written():
    with pytest.raises(ValueError, match="Object arrays"):
        send(io.BytesIO(), {}, {"x": np.array([{}], dtype=object)})
