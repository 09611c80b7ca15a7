"""The measures: one row each, which says what a reader needs to understand the number, and how it is computed.

Pickers, tables, axes, help texts, the facts of measures in stores and the documentation are made from these rows. To
add a measure of activations, add a row with its function; the experiment ``selectivity`` then computes it.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from precompute import ablation_kinds
from precompute.ablation_kinds import AblationKind
from precompute.measures.drop_rows import DROP_ROWS
from precompute.measures.measure_row import MEASURES, MeasureRow
from precompute.measures.unit_rows import UNIT_ROWS

__all__ = ["ROWS", "MeasureRow", "computed", "find", "in_points", "measure_name", "measure_row", "rows_for"]

ROWS: tuple[MeasureRow, ...] = (*MEASURES, *DROP_ROWS, *UNIT_ROWS)
"""The measures of every run, then those that experiments add."""


def find(name: str) -> MeasureRow | None:
    """Return the row of a measure by its name in a store; None where no row has that name."""
    return _by_name(ROWS, ablation_kinds.KINDS).get(name)


def measure_row(name: str) -> MeasureRow:
    """Return the row of a measure by its name in a store.

    Raises
    ------
    KeyError
        Where no row has that name.
    """
    return _by_name(ROWS, ablation_kinds.KINDS)[name]


def measure_name(name: str, ablation_kind: str) -> str:
    """Return the name that a measure has in a store for one kind of ablation, such as ``flip_rate_mean``.

    It has no suffix for the first kind, and for a measure that is not per ablation.
    """
    row = find(name)
    per_ablation = row is None or row.per_ablation
    return f"{name}_{ablation_kind}" if per_ablation and ablation_kind != ablation_kinds.names()[0] else name


def rows_for(ablation_kind: str) -> tuple[MeasureRow, ...]:
    """Return the rows of the drops of one kind of ablation that a run writes."""
    return tuple(measure_row(measure_name(row.name, ablation_kind)) for row in MEASURES if row.per_ablation)


def computed() -> tuple[MeasureRow, ...]:
    """Return the measures that are computed from activations and labels alone."""
    return tuple(row for row in ROWS if row.compute is not None)


def made_by(experiment: str) -> tuple[MeasureRow, ...]:
    """Return the measures that an experiment adds."""
    return tuple(row for row in ROWS if row.made_by == experiment)


def in_points(name: str) -> bool:
    """Whether a measure's values are differences of accuracies, which are shown in percentage points."""
    row = find(name)
    return row is not None and (row.in_points or row.kind == "drop")


@lru_cache(maxsize=4)
def _by_name(rows: Iterable[MeasureRow], kinds: tuple[AblationKind, ...]) -> dict[str, MeasureRow]:
    found = (_of_kind(row, kind, kinds[0]) for row in rows for kind in (kinds if row.per_ablation else kinds[:1]))
    return {row.name: row for row in found}


def _of_kind(row: MeasureRow, kind: AblationKind, usual: AblationKind) -> MeasureRow:
    of_it = replace(row, ablation=kind.name if row.per_ablation else "", base=row.name)
    if kind is usual:
        return of_it
    label, formula = f"{row.label} ({kind.name} ablation)", f"{row.formula}, {kind.words} instead of zero"
    return replace(of_it, name=f"{row.name}_{kind.name}", label=label, formula=formula)
