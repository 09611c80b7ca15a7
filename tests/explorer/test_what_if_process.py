"""The process that runs networks, with a stand-in for it: it dies, is stopped, is asked by several at once."""

import sys
import time

import numpy as np
import pytest

from explorer.what_if_process import Question, WhatIfProcess, process_command
from precompute.what_if.request import Request

LIMIT_S = 30


@pytest.fixture
def process(tmp_path):
    found = WhatIfProcess(stand_in(tmp_path), grace_s=0.3)
    yield found
    found._end()


def stand_in(tmp_path):
    return [sys.executable, "-m", "tests.explorer.stand_in_worker", str(tmp_path / "died-once")]


@pytest.fixture
def ask(process, made):
    def ask(*units, **more):
        return process.ask(Question(made("full"), (1, 2, 3), Request("features.10", units, **more)))

    return ask


def ended(job):
    assert job.wait(LIMIT_S), f"it is still {job.state}"
    return job.state


def test_nothing_runs_before_it_is_asked(process):
    assert not process.is_running


def test_a_question_is_answered_with_progress_on_the_way(process, ask, full_store):
    job = ask(1, 5)
    assert ended(job) == "answered"
    assert (job.stage, job.done, job.total) == ("reading the images", 3, 8)
    assert len(job.arrays["prediction"]) == len(full_store.images)
    assert process.is_running


def test_the_same_question_is_asked_once_and_anew_when_it_is_forgotten(process, ask):
    first = ask(1, 5)
    assert ask(1, 5) is first
    ended(first)
    assert ask(1, 5) is first
    process.forget(first)
    assert ask(1, 5) is not first


def test_answers_are_forgotten_where_they_take_too_much_memory(process, ask, monkeypatch):
    first = ask(1, 5)
    assert ended(first) == "answered"
    assert first.n_bytes == sum(array.nbytes for array in first.arrays.values()) > 0
    second = ask(2, 5)
    assert ended(second) == "answered"
    assert ask(1, 5) is first
    monkeypatch.setattr("explorer.what_if_process._MOST_BYTES_KEPT", second.n_bytes - 1)
    assert ask(1, 5) is first
    assert ask(2, 5) is not second


def test_two_visitors_are_answered_one_after_the_other(process, ask):
    first, second, third = ask(2), ask(1, 5), ask(2, 5)
    assert process.before(third) >= 1
    assert not second.wait(0.3)  # the first holds the process until it is stopped
    first.stop()
    assert [ended(job) for job in (first, second, third)] == ["stopped", "answered", "answered"]


def test_a_question_can_be_stopped_while_it_waits(process, ask):
    first, second = ask(2), ask(1)
    second.stop()
    first.stop()
    assert ended(first) == ended(second) == "stopped"


def test_a_process_that_hears_no_stop_is_ended_and_the_next_question_answered(process, ask):
    deaf = ask(1)
    while deaf.state != "running":
        time.sleep(0.01)
    deaf.stop()
    assert ended(deaf) == "stopped"
    assert ended(ask(1, 5)) == "answered"


def test_a_process_that_dies_is_started_again_and_the_question_asked_again(process, ask):
    assert ended(ask(4)) == "answered"


def test_a_question_that_ends_the_process_twice_is_refused_with_its_last_words(process, ask):
    job = ask(0)
    assert ended(job) == "refused"
    assert "ended twice" in job.why
    assert "out of memory" in job.why
    assert ended(ask(1, 5)) == "answered"


def test_a_process_that_does_not_read_is_stopped_like_any_other(made):
    process = WhatIfProcess([sys.executable, "-c", "import time; time.sleep(600)"], grace_s=0.3)
    question = Question(made("full"), (1,), Request("features.10", (5,), upload=True), picture=bytes(2**20))
    job = process.ask(question)
    job.stop()
    assert ended(job) == "stopped"


def test_a_refusal_comes_in_its_own_words(process, ask):
    job = ask(3)
    assert ended(job) == "refused"
    assert job.why == "No <b>such</b> network."


def test_a_command_that_cannot_be_started_is_told(made):
    process = WhatIfProcess(["/no/such/program"])
    job = process.ask(Question(made("full"), (1,), Request("features.10", (1,))))
    assert ended(job) == "refused"


def test_it_ends_when_nobody_asks_and_starts_again(tmp_path, made):
    process = WhatIfProcess(stand_in(tmp_path), idle_s=0.2)
    question = Question(made("full"), (1,), Request("features.10", (1, 5)))
    first = process.ask(question)
    assert ended(first) == "answered"
    deadline = time.monotonic() + LIMIT_S
    while process.is_running and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not process.is_running
    process.forget(first)
    assert ended(process.ask(question)) == "answered"


def test_a_picture_travels_and_is_not_kept(process, made, full_store):
    question = Question(made("full"), (1,), Request("features.10", (5,), upload=True), picture=b"a picture")
    job = process.ask(question)
    assert ended(job) == "answered"
    assert job.arrays["picture"].tobytes() == b"a picture"
    assert job.question.picture == b""
    assert process._jobs == {}
    np.testing.assert_array_equal(job.arrays["before"].argmax(), 0)


def test_code_is_allowed_only_where_the_app_was_started_so():
    assert "--allow-code" not in process_command(allow_code=False)
    assert process_command(allow_code=True)[-1] == "--allow-code"
