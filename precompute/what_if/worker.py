"""The process that answers what-if questions: ``python -m precompute.what_if.worker``.

The app starts it. It answers one question after the other and ends when its input ends, so it ends with the app. Text
that a network prints goes to the log, because the output carries messages alone.
"""

import os
from argparse import ArgumentParser
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import IO, Any

import torch

from precompute.errors import StoreChanged, UnitscopeError
from precompute.store.place import identity_of
from precompute.what_if.request import Request
from precompute.what_if.session import Session
from precompute.what_if.watch import Stopped, Watch
from precompute.what_if.wire import Arrays, receive, send

_MOST_SESSIONS = 2
_Message = tuple[dict[str, Any], Arrays]


class Questions:
    """The app's questions, read by a separate thread so that a stop is noticed while an answer is computed."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._waiting: SimpleQueue[_Message] = SimpleQueue()
        self._stopped: set[int] = set()
        Thread(target=self._read, daemon=True).start()

    def next(self) -> _Message:
        """Wait for the next question and return it."""
        return self._waiting.get()

    def is_stopped(self, number: int) -> bool:
        """Say whether the app has stopped a question."""
        return number in self._stopped

    def _read(self) -> None:
        try:
            while (message := receive(self._stream)) is not None:
                if message[0].get("do") == "stop":
                    self._stopped.add(int(message[0]["id"]))
                else:
                    self._waiting.put(message)
        finally:
            # The app has ended, or its bytes are not a message: nobody waits for an answer any more.
            os._exit(0)


class Sessions:
    """Sessions of the stores that were asked about last."""

    def __init__(self, *, code_allowed: bool) -> None:
        self._code_allowed = code_allowed
        self._held: OrderedDict[tuple[Any, ...], Session] = OrderedDict()

    def of(self, told: Mapping[str, Any], watch: Watch) -> Session:
        """Return the session of a question's store, loaded again where its file has been replaced."""
        path, images = Path(os.fsdecode(bytes.fromhex(told["store"]))), told.get("images")
        key = (path, tuple(told["signature"]), images)
        if key not in self._held:
            while len(self._held) >= _MOST_SESSIONS:
                self._held.popitem(last=False)[1].close()
            session = Session(
                path, images=None if images is None else Path(images), code_allowed=self._code_allowed, watch=watch
            )
            if key[1] not in (session.store.identity, identity_of(path)):
                session.close()
                raise StoreChanged(f"{path}: another store took its place meanwhile. Show the page again.")
            self._held[key] = session
        self._held.move_to_end(key)
        return self._held[key]


def serve(questions: Questions, sessions: Sessions, out: Callable[[dict[str, Any], Arrays], None]) -> None:
    """Answer one question after the other, without end."""
    while True:
        told, arrays = questions.next()
        number = int(told["id"])
        try:
            out({"id": number, "say": "answer"}, _answer(number, told, arrays, questions, sessions, out))
        except Stopped:
            out({"id": number, "say": "stopped"}, {})
        except UnitscopeError as error:
            out({"id": number, "say": "refused", "why": str(error)}, {})
        except Exception as error:  # the app shows the error, and this process goes on
            out({"id": number, "say": "refused", "why": f"This failed, with {type(error).__name__}: {error}"}, {})


def _answer(
    number: int,
    told: Mapping[str, Any],
    arrays: Arrays,
    questions: Questions,
    sessions: Sessions,
    out: Callable[[dict[str, Any], Arrays], None],
) -> Arrays:
    def progress(stage: str, done: int, total: int) -> None:
        out({"id": number, "say": "progress", "stage": stage, "done": done, "total": total}, {})

    watch = Watch(progress, lambda: questions.is_stopped(number))
    watch.advance(0)  # it may have been stopped while it waited
    upload = arrays["upload"].tobytes() if "upload" in arrays else b""
    return sessions.of(told, watch).answer(Request.from_json(told["request"]), upload, watch)


def main() -> None:
    """Serve the app that started this process."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--allow-code", action="store_true")
    code_allowed = parser.parse_args().allow_code
    torch.set_num_threads(max(1, torch.get_num_threads() - 1))  # one processor is left to the app
    asked, said = _pipes()
    serve(Questions(asked), Sessions(code_allowed=code_allowed), lambda told, arrays: send(said, told, arrays))


def _pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Take the pipes to and from the app, and leave an empty input and the log in their places.

    Processes that read images are forked from this one and close ``sys.stdin`` first. They would wait for ever for its
    lock, because the thread that reads questions holds it.
    """
    asked, said = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return asked, said


if __name__ == "__main__":
    main()
