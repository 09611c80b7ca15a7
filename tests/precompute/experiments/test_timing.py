"""The pace of work, with a clock that the work itself moves on."""

import pytest

from precompute.experiments import timing
from precompute.experiments.timing import seconds_a_row


@pytest.fixture
def pieces(monkeypatch):
    """Make pieces of work that cost something whatever their size, and something for each row."""
    now = [0.0]
    monkeypatch.setattr(timing, "perf_counter", lambda: now[0])

    def made(sizes, *, fixed, each):
        done = []

        def work(size):
            now[0] += fixed + each * size
            done.append(size)
            return size

        return [lambda size=size: work(size) for size in sizes], done

    return made


def test_what_every_piece_costs_does_not_count(pieces):
    work, _ = pieces([10, 100, 1000, 10_000], fixed=0.2, each=1e-5)
    assert seconds_a_row(work) == pytest.approx(1e-5)


def test_timing_ends_when_it_has_seen_enough(pieces):
    work, done = pieces([10, 100, 1000], fixed=0.0, each=0.1)
    assert seconds_a_row(work) == pytest.approx(0.1)
    assert done == [10, 100]


def test_a_piece_that_takes_long_for_what_every_piece_costs_tells_nothing(pieces):
    work, done = pieces([10, 100, 1000, 100_000], fixed=2.0, each=1e-5)
    assert seconds_a_row(work) == pytest.approx(1e-5)
    assert done[-1] == 100_000


def test_one_piece_alone_is_taken_as_it_is(pieces):
    work, _ = pieces([10], fixed=0.1, each=0.01)
    assert seconds_a_row(work) == pytest.approx(0.02)


def test_work_that_takes_no_time_still_takes_some(pieces):
    work, _ = pieces([10, 100], fixed=0.0, each=0.0)
    assert seconds_a_row(work) > 0
