"""Files of figures and reports, each made in a separate process: ``python -m explorer.press``.

Drawing takes 100 MB and blocks its process. Files are made only now and then, while the app runs all day.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any

from explorer import paper
from explorer.paper import Drawing, Kind
from explorer.store_files import ROOT
from precompute.errors import UnitscopeError

MOST_WHOLE = 24
"""A report of more units than this contains only the main things about each."""
_LONGEST_S, _LONGEST_REPORT_S = 120, 900
SURELY_THERE = frozenset([*map(chr, range(0x180)), *"–—‘’“”…−→↗≤≥≈\u202f\ufffd"])
"""Characters that the app's own font certainly has: Latin letters, and those that the app itself uses."""
_one_report_at_a_time = Lock()


class NotPrinted(UnitscopeError):
    """A figure or a report could not be made into a file."""


def chart_file(spec: dict[str, Any], caption: Sequence[str], width_mm: float, kind: Kind) -> bytes:
    """Return a chart with its caption as a file, see :func:`explorer.paper.as_file`.

    Raises
    ------
    NotPrinted
        Where it cannot be made.
    """
    return _printed({"spec": spec, "caption": list(caption), "width_mm": width_mm, "kind": kind})


def drawing_file(drawing: Drawing, caption: Sequence[str], width_mm: float, kind: Kind) -> bytes:
    """Return a drawing with its caption as a file.

    Raises
    ------
    NotPrinted
        Where it cannot be made.
    """
    return _printed({"drawing": asdict(drawing), "caption": list(caption), "width_mm": width_mm, "kind": kind})


def report_file(store: Path, layer: str, units: str | None, ablation: str | None, palette: str) -> bytes:
    """Return a report, see :func:`explorer.report.write_report`; reports are made one at a time.

    Raises
    ------
    NotPrinted
        Where it cannot be made.
    """
    asked = {"--layer": layer, "--units": units, "--ablation": ablation, "--palette": palette}
    # Joined by =, so that a value that begins with a hyphen is not taken for an option.
    given = [f"{name}={value}" for name, value in asked.items() if value is not None]
    try:
        with _one_report_at_a_time, TemporaryDirectory() as folder:
            out = Path(folder) / "report.html"
            _run(["-m", "explorer.report", *given, f"--out={out}", "--", str(store.absolute())], b"", _LONGEST_REPORT_S)
            return out.read_bytes()
    except OSError as error:
        raise NotPrinted(f"This could not be made ({error}). Try again.") from error


def _printed(job: dict[str, Any]) -> bytes:
    return _run(["-m", "explorer.press"], json.dumps(job).encode(), _LONGEST_S)


def _run(command: list[str], told: bytes, longest_s: float) -> bytes:
    """Run Python with a command, send it input, and return its output."""
    try:
        done = subprocess.run(
            [sys.executable, *command],
            input=told,
            capture_output=True,
            cwd=ROOT,
            timeout=longest_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotPrinted(f"This could not be made ({error}). Try again.") from error
    if done.returncode:
        last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise NotPrinted(f"This could not be made ({last}). Please report it.")
    return done.stdout


def without_font(text: str) -> str:
    """Return the characters of a text that no font on this machine has, see :func:`explorer.paper.without_font`.

    Raises
    ------
    NotPrinted
        Where this cannot be found out.
    """
    rare = frozenset(paper.drawable_text(text)) - SURELY_THERE
    return _found_without_font(rare) if rare else ""


@lru_cache(maxsize=64)
def _found_without_font(signs: frozenset[str]) -> str:
    return _run(["-m", "explorer.press"], json.dumps({"signs": sorted(signs)}).encode(), _LONGEST_S).decode()


def main() -> None:
    """Read a job from the standard input, and write the file to the standard output."""
    job = json.load(sys.stdin.buffer)
    if "signs" in job:
        sys.stdout.buffer.write(paper.without_font(job["signs"]).encode())
        return
    width_mm = job["width_mm"]
    drawn = job.get("drawing")
    drawing = Drawing(**drawn) if drawn else paper.draw_chart(job["spec"], paper.pixels_of(width_mm))
    sys.stdout.buffer.write(paper.as_file(drawing, job["caption"], width_mm, job["kind"]))


if __name__ == "__main__":
    main()
