"""Progress of long work: a bar with the time left for people, a small file for the explorer."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any

from tqdm import tqdm

from precompute.words import printable

_SECONDS_BETWEEN_REPORTS = 0.3


class _StandardError:
    """Standard error for bars, which may fail: a closed terminal or the full disk of a log must not end the work."""

    def write(self, text: str) -> None:
        """Write, if anybody hears it."""
        with suppress(OSError, AttributeError):  # it is None where it was closed from the start
            sys.stderr.write(text)

    def flush(self) -> None:
        """Flush, as well."""
        with suppress(OSError, AttributeError):
            sys.stderr.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)


@contextmanager
def waiting() -> Iterator[Callable[[str], None]]:
    """Show what is being done while there are no steps to count yet.

    Yields
    ------
    callable
        Shows some words, which replace those before. The last ones disappear at the end.
    """
    with tqdm(bar_format="{desc} ...", desc="starting", dynamic_ncols=True, file=_StandardError(), leave=False) as line:
        yield lambda words: line.set_description_str(printable(words))


class Progress:
    """Shows the stages of a run as they go.

    Parameters
    ----------
    shares : mapping of str to float
        The stages in order, with the share of the whole time that each is expected to take.
    report : Path, optional
        A file that always holds the latest progress, as JSON: ``stage``, ``done``, ``total`` and ``overall`` (0 to 1).
        By default the one that the environment variable UNITSCOPE_PROGRESS names, if any.
    """

    def __init__(self, shares: Mapping[str, float], report: Path | None = None) -> None:
        named = os.environ.get("UNITSCOPE_PROGRESS")
        self._report = report or (Path(named) if named else None)
        whole = sum(shares.values())
        self._shares = {stage: share / whole for stage, share in shares.items()}
        self._before = 0.0
        self._reported = 0.0
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str, total: int, *, unit: str = "images") -> Iterator["Stage"]:
        """Open a stage of `total` steps.

        Parameters
        ----------
        name : str
            One of the stages given at the start.
        total : int
            Number of steps.
        unit : str
            What a step is, in the plural.
        """
        started = monotonic()
        with tqdm(
            total=total,
            desc=printable(name),
            unit=f" {unit}",
            dynamic_ncols=True,
            file=_StandardError(),
            mininterval=0.2,
            smoothing=0.1,
        ) as bar:
            stage = Stage(self, name, bar)
            self._tell(name, 0, total, at_once=True)
            yield stage
        self._before += self._shares.get(name, 0.0)
        self.seconds[name] = self.seconds.get(name, 0.0) + monotonic() - started
        self._tell(name, total, total, at_once=True)

    def _tell(self, stage: str, done: int, total: int, *, at_once: bool = False) -> None:
        if self._report is None or not (at_once or monotonic() - self._reported > _SECONDS_BETWEEN_REPORTS):
            return
        self._reported = monotonic()
        within = 0.0 if at_once else self._shares.get(stage, 0.0) * done / max(total, 1)
        overall = min(1.0, self._before + within)
        text = json.dumps({"stage": stage, "done": done, "total": total, "overall": overall})
        half = self._report.with_name(self._report.name + ".part")
        # The disk may be full, and Windows replaces no file that somebody is reading; the next report will come.
        with suppress(OSError):
            half.write_text(text, encoding="utf-8")
            half.replace(self._report)


class Stage:
    """One stage under way; made by :meth:`Progress.stage`."""

    def __init__(self, progress: Progress, name: str, bar: "tqdm[None]") -> None:
        self._progress, self._name, self._bar = progress, name, bar

    def advance(self, steps: int = 1) -> None:
        """Say that some more steps are done."""
        self._bar.update(steps)
        self._progress._tell(self._name, int(self._bar.n), int(self._bar.total))

    __call__ = advance
    """A stage can be handed to what only says how many steps are done."""

    def note(self, words: str) -> None:
        """Show some words behind the bar."""
        self._bar.set_postfix_str(words, refresh=False)

    def reach(self, done: int, total: int) -> None:
        """Say how many steps are done of how many, where the work itself counts them."""
        self._bar.total = total
        self._bar.update(done - self._bar.n)
        self._progress._tell(self._name, done, total)
