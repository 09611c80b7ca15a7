"""Verdicts on disk, so that the table can be made again for the networks that changed alone."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from tests.coverage.judge import Audited, Verdict


def read(path: Path) -> dict[str, Verdict]:
    """Return the verdicts in a file by network, none where there is no file."""
    if not path.exists():
        return {}
    return {key: _verdict(value) for key, value in json.loads(path.read_text(encoding="utf-8")).items()}


def write(path: Path, verdicts: dict[str, Verdict]) -> None:
    """Write all verdicts; a stop half-way leaves the file that was there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    side = path.with_suffix(".part")
    side.write_text(json.dumps({key: asdict(each) for key, each in verdicts.items()}, indent=1), encoding="utf-8")
    side.replace(path)


def key_of(verdict: Verdict) -> str:
    """Return what a verdict is filed under."""
    return f"{verdict.library}:{verdict.name}"


def in_order(verdicts: dict[str, Verdict], keys: Iterable[str]) -> list[Verdict]:
    """Return the verdicts of some networks, those that there are."""
    return [verdicts[key] for key in keys if key in verdicts]


def _verdict(value: dict) -> Verdict:
    return Verdict(**{**value, "audited": [Audited(**each) for each in value["audited"]]})
