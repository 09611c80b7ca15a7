"""What an experiment found, and how it comes into a store: in place of what an earlier one of its name found."""

from dataclasses import dataclass, field, replace
from typing import Any

from precompute.experiments.layerwise import joined, others, refuse_other_common_datasets, refuse_other_options
from precompute.experiments.protocol import Findings
from precompute.measures.table import measure_row
from precompute.store import renamed
from precompute.store.reader import Store
from precompute.store.schema import experiment_path, layer_path
from precompute.store.writer import StoreWriter


@dataclass(frozen=True, eq=False)
class StoredFindings:
    """What goes into a store for one experiment.

    Parameters
    ----------
    name
        Of the experiment, and of its group.
    facts
        Of the group.
    findings
        Its datasets, and the measures that it adds to layers.
    kept
        The layers whose earlier findings stay beside these, with the facts of their groups; see
        :mod:`precompute.experiments.layerwise`.
    """

    name: str
    facts: dict[str, Any]
    findings: Findings
    kept: dict[str, dict[str, Any]] = field(default_factory=dict)

    def beside(self, store: Store) -> "StoredFindings":
        """Return this as it goes into a store that holds findings of the same name on other layers.

        Raises
        ------
        OptionError, StoreError
            When both cannot stand in one group.
        """
        refuse_other_options(store, self.name, self.facts)
        refuse_other_common_datasets(store, self.name, self.facts, self.findings.arrays)
        return replace(self, facts=joined(store, self.name, self.facts), kept=others(store, self.name, self.facts))


def write(writer: StoreWriter, found: StoredFindings) -> None:
    """Write what an experiment found; what an earlier one of its name left must be gone, see :func:`replaced_paths`."""
    group = experiment_path(found.name)
    writer.describe(group, found.facts)
    for layer, facts in found.kept.items():
        writer.describe(f"{group}/layers/{layer}", facts)
    for path, values in found.findings.arrays.items():
        writer.write(f"{group}/{path}", values)
    for layer, measures in found.findings.measures.items():
        for measure, values in measures.items():
            path = layer_path(layer, "measure", measure)
            writer.write(path, values)
            writer.describe(path, measure_row(measure).facts() | {"experiment": found.name})


def replaced_paths(store: Store, found: StoredFindings) -> set[str]:
    """List the paths that give way: the experiment's group, its measures, and those that are about to be written.

    What it found on layers that are kept stays.
    """
    added = {
        (layer.name, held.name)
        for layer in store.layers
        for held in layer.measures.values()
        if held.experiment == found.name and layer.name not in found.kept
    }
    coming = {(layer, measure) for layer, measures in found.findings.measures.items() for measure in measures}
    paths = {layer_path(layer, "measure", name) for layer, name in added | coming}
    return _group_parts(store, found) | paths | set(map(renamed.earlier, paths))


def _group_parts(store: Store, found: StoredFindings) -> set[str]:
    """List the paths of an experiment's group that give way: all of it, or all but the layers that are kept."""
    if not found.kept:
        return {experiment_path(found.name)}
    held = store.experiment(found.name)
    parts = {f"layers/{layer}" for layer in held.layers if layer not in found.kept}
    parts |= {path for path in held if not path.startswith("layers/")}
    return {experiment_path(found.name, part) for part in parts}
