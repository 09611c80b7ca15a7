"""The tables of the documentation, made from what they describe: ``python -m precompute.document`` writes them anew.

A table stands between two comments of its document, ``<!-- table: NAME -->`` and ``<!-- end of table -->``. What stands
outside of these is written by hand.
"""

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import starmap
from pathlib import Path

from precompute.ablation_kinds import KINDS
from precompute.experiments.options import ExperimentOptions
from precompute.measures.table import ROWS, MeasureRow
from precompute.option_fields import options_of, rows
from precompute.options import RunOptions
from precompute.run.large_runs import sizes, times
from precompute.store import schema
from precompute.store.entry import Axis, Entry, Fact
from precompute.store.experiments import registry
from precompute.store.experiments.spec import ExperimentSpec

ROOT = Path(__file__).resolve().parents[1]
_TABLE = re.compile(r"(<!-- table: ([a-z_ ]+) -->\n)(.*?)(<!-- end of table -->)", re.DOTALL)


def main() -> int:
    """Write every table anew and name the documents that changed."""
    for path, text in up_to_date().items():
        if path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"{path.relative_to(ROOT)}: written anew")
    return 0


def up_to_date() -> dict[Path, str]:
    """Return each document as it should be.

    Raises
    ------
    KeyError
        Where a document has a place for a table that nobody makes.
    """
    return {ROOT / name: _filled(ROOT / name, made) for name, made in tables().items()}


def places(path: Path) -> list[str]:
    """List the tables that a document has a place for."""
    return [found[2] for found in _TABLE.finditer(path.read_text(encoding="utf-8"))]


def _filled(path: Path, tables: Mapping[str, Callable[[], str]]) -> str:
    text = path.read_text(encoding="utf-8")
    return _TABLE.sub(lambda found: f"{found[1]}{tables[found[2]]()}{found[4]}", text)


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


# The format


def _datasets(entries: Iterable[Entry], first: str) -> str:
    head = (first, "type", "axes", "unit", "must be there", "NaN", "meaning")
    return markdown(head, map(_dataset, entries))


def _dataset(entry: Entry) -> tuple[str, ...]:
    axes = ", ".join(entry.axes) or "as the network has them"
    has_nan = entry.dtype.startswith("f") or entry.dtype == schema.ANY
    nan = (entry.nan or "never") if has_nan else ""
    required = "unless `keep` is `sums`" if entry.required and entry.of_unit_and_image else _yes(entry.required)
    return (f"`{entry.path}`", entry.dtype, axes, entry.unit, required, nan, entry.doc)


def _axes(axes: Iterable[Axis], first: str) -> str:
    return markdown((first, "length", "order"), ((f"`{axis.name}`", axis.length, axis.order) for axis in axes))


def _kinds_of_ablation() -> str:
    return markdown(("`<kind>` of `ablation`", "the unit is"), ((f"`{kind.name}`", kind.words) for kind in KINDS))


def _attributes() -> str:
    groups = {"/": schema.ROOT_FACTS, **schema.GROUP_FACTS, "every dataset": schema.DATASET_FACTS}
    listed = (*groups.items(), *schema.STAMP_FACTS.items())
    rows = ((f"`{group}`", *_fact(name, fact)) for group, facts in listed for name, fact in facts.items())
    return markdown(("of", "attribute", "kind", "must be there", "meaning"), rows)


def _facts_of_experiments() -> str:
    head = ("fact of an experiment", "kind", "must be there", "meaning")
    of_layers = ((f"`layers/<layer>`: {name}", *rest) for name, *rest in starmap(_fact, registry.LAYER_FACTS.items()))
    return markdown(head, (*starmap(_fact, registry.FACTS.items()), *of_layers))


def _fact(name: str, fact: Fact) -> tuple[str, ...]:
    return (f"`{name}`", fact.kind, _yes(fact.required), fact.doc)


def _yes(required: bool) -> str:
    return "yes" if required else "no"


def _measures() -> str:
    head = ("name", "label", "kind", "range", "formula", "made by")
    listed = ((f"`{row.name}`", row.label, row.kind, row.range, _formula(row), row.made_by) for row in ROWS)
    return markdown(head, listed)


def _formula(row: MeasureRow) -> str:
    return row.formula.replace("|", "\\|")


# The command line


def _experiments() -> str:
    rows = ((f"`{spec.name}`", _needs(spec), spec.adds) for spec in registry.specs())
    return markdown(("NAME", "needs", "adds"), rows)


def _needs(spec: ExperimentSpec) -> str:
    return f"{spec.needs}; a store of `--keep all`" if spec.needs_of_all else spec.needs


def _options(kind: type) -> str:
    return markdown(("option", "default", ""), rows(kind))


def _options_of_experiments() -> str:
    taken = (_taken_by(name) for name in options_of(ExperimentOptions))
    cells = ((*row, who) for row, who in zip(rows(ExperimentOptions), taken, strict=True))
    return markdown(("option", "default", "", "taken by"), cells)


def _taken_by(option: str) -> str:
    takes = [spec.name for spec in registry.all_specs() if option in spec.options]
    others = [spec.name for spec in registry.all_specs() if option not in spec.options]
    if len(others) <= 1:
        return "".join(("each", *(f" but `{name}`" for name in others)))
    return ", ".join(f"`{name}`" for name in takes)


def _how_to_add(spec: ExperimentSpec) -> str:
    """Return what stands at the head of an experiment's section."""
    options = options_of(ExperimentOptions)
    words = " ".join(f"[{f'{options[name].written} {options[name].value}'.strip()}]" for name in spec.options)
    network = " It runs the network on the images." if spec.needs_network else ""
    return f"`python -m precompute experiment {spec.name} STORE.h5 {words}`\n\nSource: {spec.source}.{network}\n"


def tables() -> dict[str, dict[str, Callable[[], str]]]:
    """Return what makes the tables of each document, by the document's path and the name of the table."""
    return {
        "precompute/store/FORMAT.md": {
            "axes": lambda: _axes(schema.AXES, "axis"),
            "kinds of ablation": _kinds_of_ablation,
            "datasets": lambda: _datasets(schema.ENTRIES, "path"),
            "attributes": _attributes,
            "facts of experiments": _facts_of_experiments,
            "axes of experiments": lambda: _axes(registry.axes(), "further axis"),
            "datasets of experiments": lambda: _datasets(registry.entries(), "dataset"),
        },
        "docs/command-line.md": {
            "options of run": lambda: _options(RunOptions),
            "experiments": _experiments,
            "options of experiment": _options_of_experiments,
        },
        "docs/python.md": {"measures": _measures},
        "docs/planning.md": {"times": lambda: markdown(*times()), "sizes": lambda: markdown(*sizes())},
        "docs/methods.md": {f"experiment {spec.name}": partial(_how_to_add, spec) for spec in registry.specs()},
    }


if __name__ == "__main__":
    sys.exit(main())
