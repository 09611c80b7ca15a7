"""The process itself: what it says, that it ends with its input, and that what a network prints is not a message."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from precompute.store.place import identity_of
from precompute.what_if.request import Request
from precompute.what_if.wire import receive, send

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def worker():
    command = [sys.executable, "-m", "precompute.what_if.worker", "--allow-code"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen(command, cwd=ROOT, **pipes)
    yield process
    process.kill()
    process.wait()


def ask(worker, number, store, request, signature=None, **arrays):
    signature = signature or (identity_of(store) if store.exists() else (1, 2, 3))
    told = {"do": "ask", "id": number, "store": os.fsencode(store).hex(), "signature": signature, "images": None}
    send(worker.stdin, {**told, "request": request.as_json()}, arrays)


def last_of(worker, number):
    """The message that ends a question, after those of its progress."""
    while True:
        told, arrays = receive(worker.stdout)
        assert told.pop("id") == number
        if told["say"] != "progress":
            return told, arrays
        assert set(told) == {"say", "stage", "done", "total"}


def test_it_answers_refuses_stops_and_goes_on(worker, small):
    store = small / "small.h5"
    ask(worker, 1, store, Request("features.4", (1, 2)))
    told, arrays = last_of(worker, 1)
    assert told == {"say": "answer"}
    assert arrays["prediction"].shape == (60,)
    ask(worker, 2, store, Request("features.4", (1, 99)))
    told, arrays = last_of(worker, 2)
    assert told["say"] == "refused"
    assert "no unit 99" in told["why"]
    ask(worker, 3, small / "none.h5", Request("features.4", (1,)))
    assert "no such file" in last_of(worker, 3)[0]["why"]
    ask(worker, 6, store, Request("features.4", (1, 2)), signature=(1, 2, 3))
    assert "another store took its place" in last_of(worker, 6)[0]["why"]
    send(worker.stdin, {"do": "stop", "id": 4})
    ask(worker, 4, store, Request("features.4", (3,)))
    assert last_of(worker, 4)[0] == {"say": "stopped"}
    ask(worker, 5, store, Request("features.4", (1, 2)))
    np.testing.assert_array_equal(last_of(worker, 5)[1]["prediction"].shape, (60,))
    worker.stdin.close()
    assert worker.wait(timeout=30) == 0
