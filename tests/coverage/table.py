"""The table of coverage as a page of the documentation."""

import datetime
import importlib.metadata
import platform
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.coverage.judge import N_IMAGES, ROUNDING, Verdict
from tests.coverage.networks import LEFT_OUT, N_OUTPUTS

_HEAD = Path(__file__).with_name("head.md").read_text(encoding="utf-8")

_COLUMNS = (
    "network",
    "px",
    "dim. 1",
    "last",
    "tokens",
    "flat",
    "refused",
    "known",
    "contradicted",
    "audited",
    "by the engine",
    "rows",
    "flips",
    "wrong",
)


def page(verdicts: Sequence[Verdict]) -> str:
    """Return the page in Markdown."""
    refusals = _Reasons("abcdefghijklmnopqrstuvwxyz", (each.refused for each in verdicts))
    plain = _Reasons(
        [str(n) for n in range(1, 100)], (Counter(a.way for a in v.audited if a.way != "engine") for v in verdicts)
    )
    parts = [_head(verdicts)]
    for library in ("torchvision", "timm"):
        parts.append(f"## {library}\n")
        parts.append(f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}")
        chosen = [each for each in verdicts if each.library == library]
        parts[-1] += "".join(f"\n| {' | '.join(_cells(each, refusals, plain))} |" for each in chosen) + "\n"
    failed = [each for each in verdicts if each.failure]
    if failed:
        parts.append("## Refused as a whole\n")
        parts.append("".join(f"- `{_name(each)}`: {each.failure}\n" for each in failed))
    parts += ["## Why a call of a module is not a layer\n", refusals.as_list()]
    parts += ["## Why a layer goes by whole passes\n", plain.as_list()]
    parts += ["## Families of timm that were left out\n"]
    parts.append("".join(f"- `{name}`: {reason}\n" for name, reason in LEFT_OUT.items()))
    return "\n".join(parts)


def summary(verdicts: Sequence[Verdict]) -> str:
    """Return the result in a few sentences."""
    audited = [each for verdict in verdicts for each in verdict.audited]
    wrong = [each for each in verdicts if not each.is_right]
    listed = sum(sum(each.dimensions.values()) for each in verdicts)
    sentences = [
        f"{len(verdicts)} networks list {listed:,} layers; the judge knows where the units of "
        f"{sum(each.known for each in verdicts):,} of them lie, and "
        f"{sum(len(each.contradictions) for each in verdicts):,} are listed otherwise.",
        f"Of {len(audited):,} audited layers {sum(each.way == 'engine' for each in audited):,} go by the engine; of "
        f"{sum(each.rows for each in audited):,} rows {sum(each.flips for each in audited):,} change the prediction, "
        f"and {sum(each.wrong for each in audited):,} are wrong.",
        f"Networks with anything wrong: {len(wrong)}{''.join(f', `{_name(each)}`' for each in wrong)}.",
    ]
    return " ".join(sentences)


def _head(verdicts: Sequence[Verdict]) -> str:
    version = {name: _version(name) for name in ("torch", "torchvision", "timm")}
    families = {each.family for each in verdicts if each.library == "timm"}
    return _HEAD.format(
        date=datetime.date.today().isoformat(),
        python=platform.python_version(),
        n_families=len(families),
        outputs=N_OUTPUTS,
        images=N_IMAGES,
        rounding=ROUNDING,
        result=summary(verdicts),
        **version,
    )


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package).split("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


def _name(verdict: Verdict) -> str:
    return verdict.name if verdict.library == "torchvision" else f"timm:{verdict.name}"


def _cells(verdict: Verdict, refusals: "_Reasons", plain: "_Reasons") -> list[str]:
    audited, places = verdict.audited, verdict.dimensions
    by_engine = sum(each.way == "engine" for each in audited)
    ways = Counter(each.way for each in audited if each.way != "engine")
    listed = [places.get(place, 0) for place in ("first, grid", "last, grid")]
    tokens = sum(n for place, n in places.items() if place.endswith("tokens"))
    refused = sum(verdict.refused.values())
    blind = sum(each.is_blind for each in audited)
    wrong = sum(each.wrong for each in audited)
    off = sum(not each.is_right and not each.wrong for each in audited)
    return [
        f"`{verdict.name}`",
        str(verdict.size),
        *(str(n or "") for n in (*listed, tokens, places.get("no positions", 0))),
        f"{refused} ({refusals.marks(verdict.refused)})" if refused else "",
        str(verdict.known),
        f"**{len(verdict.contradictions)}**" if verdict.contradictions else "0",
        f"{len(audited)}{f' (-{blind})' if blind else ''}",
        f"{by_engine} ({plain.marks(ways)})" if ways else str(by_engine),
        str(sum(each.rows for each in audited)),
        str(sum(each.flips for each in audited)),
        f"**{wrong}**{f' (**{off}** off)' if off else ''}" if wrong or off else "0",
    ]


class _Reasons:
    """Reasons by mark; those that differ in numbers and names alone are one."""

    def __init__(self, marks: Sequence[str], counts: Iterable[dict[str, int]]) -> None:
        total: Counter[str] = Counter()
        for each in counts:
            for reason, n in each.items():
                total[_kind_of(reason)] += n
        self.total = total
        self.mark = {reason: mark for (reason, _), mark in zip(total.most_common(), marks, strict=False)}

    def marks(self, counts: dict[str, int]) -> str:
        return ",".join(sorted({self.mark.get(_kind_of(reason), "?") for reason in counts}))

    def as_list(self) -> str:
        return (
            "".join(f"- {mark}: {reason} ({self.total[reason]:,})\n" for reason, mark in self.mark.items()) or "None.\n"
        )


def _kind_of(reason: str) -> str:
    reason = reason.splitlines()[0].split("; `--units-on")[0] if reason else ""
    reason = re.sub(r"the operation \w+ may", "an operation may", reason)
    return re.sub(r"'[^']*'|`[^`]*`|\d[\d.,e×x+-]*", "…", reason)[:300]
