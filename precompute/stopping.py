"""Ctrl-C: the first ends a command after the operation in progress, a second ends it at once."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

INTERRUPTED = 130
_FIRST = "stopping after the operation in progress; Ctrl-C again stops at once"


@contextmanager
def second_stops_at_once(end: Callable[[int], object] = os._exit) -> Iterator[None]:
    """Watch for Ctrl-C beside the main thread, which hears of it only between two operations of a library.

    Parameters
    ----------
    end : callable
        Ends the process with a status, without any cleaning up.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard, told = socket.socketpair()
    told.setblocking(False)
    before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    watcher = threading.Thread(target=_watch, args=(heard, end), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        told.shutdown(socket.SHUT_WR)  # a forked process that lives on holds it open, and the watcher would wait for it
        told.close()
        watcher.join()
        heard.close()


def _leave_to_parent() -> None:
    """Let a forked process, which hears the same Ctrl-C, not tell of it as a second one."""
    with suppress(ValueError):
        signal.set_wakeup_fd(-1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)


def _watch(heard: socket.socket, end: Callable[[int], object]) -> None:
    n_interrupts = 0
    while signals := heard.recv(64):
        now = signals.count(signal.SIGINT)  # other signals that somebody handles are told here too
        n_interrupts += now
        if n_interrupts > 1:
            end(INTERRUPTED)
            return
        if now:
            print(f"\n{_FIRST}", file=sys.stderr, flush=True)
