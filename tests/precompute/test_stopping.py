"""Ctrl-C once and twice."""

import os
import signal
import sys
import threading
import time

import pytest

from precompute.stopping import INTERRUPTED, second_stops_at_once

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there a process cannot send itself Ctrl-C alone")


@pytest.fixture(autouse=True)
def heard():
    """Hear Ctrl-C, also where whoever started the tests has it ignored, as a shell does for what it runs behind."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt():
    """Send Ctrl-C to this process."""
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_the_first_is_left_to_the_operation_in_progress_and_a_second_ends_at_once():
    ended, statuses = threading.Event(), []

    def end(status):
        statuses.append(status)
        ended.set()

    with second_stops_at_once(end):
        interrupt()
        assert not statuses
        interrupt()
        assert ended.wait(60)
    assert statuses == [INTERRUPTED]


def test_after_the_first_it_is_said_what_a_second_does(capsys):
    with second_stops_at_once():
        interrupt()
    assert "Ctrl-C again stops at once" in capsys.readouterr().err


def test_it_is_said_once_whatever_other_signals_come(capsys):
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    with second_stops_at_once():
        interrupt()
        signal.raise_signal(signal.SIGUSR1)
        signal.raise_signal(signal.SIGUSR1)
        time.sleep(0.1)
    signal.signal(signal.SIGUSR1, before)
    assert capsys.readouterr().err.count("Ctrl-C again stops at once") == 1


def test_what_a_forked_process_hears_is_no_second_one():
    statuses = []
    with second_stops_at_once(statuses.append):
        interrupt()
        child = os.fork()
        if not child:
            signal.signal(signal.SIGINT, lambda *_: os._exit(0))
            signal.raise_signal(signal.SIGINT)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
    assert statuses == []


def test_a_forked_process_that_lives_on_keeps_nobody_waiting():
    with second_stops_at_once():
        child = os.fork()
        if not child:
            time.sleep(20)
            os._exit(0)
    lives = os.waitpid(child, os.WNOHANG) == (0, 0)
    if lives:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert lives


def test_afterwards_ctrl_c_is_as_it_was():
    with second_stops_at_once():
        pass
    assert signal.set_wakeup_fd(-1) == -1
