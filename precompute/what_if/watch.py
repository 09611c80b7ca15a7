"""Progress of a question, and the way to stop it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

_EVERY_S = 0.1


class Stopped(Exception):
    """The person who asked has stopped the question."""


class Watch:
    """Reports the progress of work, and ends the work when it is stopped.

    Parameters
    ----------
    tell : callable
        Receives the name of the stage, the steps done and the steps in all.
    is_stopped : callable
        Says whether to stop.
    """

    def __init__(
        self,
        tell: Callable[[str, int, int], None] = lambda _stage, _done, _total: None,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._tell, self._is_stopped = tell, is_stopped
        self._stage, self._done, self._total, self._told_at = "", 0, 0, 0.0

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[None]:
        """Name the work inside the block, whose steps :meth:`advance` counts."""
        self._stage, self._done, self._total, self._told_at = name, 0, total, 0.0
        self.advance(0)
        yield

    def advance(self, steps: int) -> None:
        """Count steps as done.

        Raises
        ------
        Stopped
            Where the work is to be stopped.
        """
        if self._is_stopped():
            raise Stopped
        self._done += steps
        if monotonic() - self._told_at >= _EVERY_S:
            self._tell(self._stage, self._done, self._total)
            self._told_at = monotonic()
