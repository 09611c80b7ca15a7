"""What an experiment found, and how it is written to a store, in place of earlier findings of the same experiment."""

from dataclasses import dataclass, field, replace
from typing import Any

from precompute.experiments.layerwise import (
    joined,
    layers_that_stay,
    refuse_other_common_datasets,
    refuse_other_options,
)
from precompute.experiments.protocol import Findings
from precompute.measures.table import measure_row
from precompute.store import renamed
from precompute.store.reader import Store
from precompute.store.schema import experiment_path, layer_path
from precompute.store.writer import StoreWriter


@dataclass(frozen=True, eq=False)
class StoredFindings:
    """What is written to a store for one experiment.

    Parameters
    ----------
    name
        The name of the experiment and of its group.
    facts
        The attributes of the group.
    findings
        The datasets of the group, and the measures that the experiment adds to layers.
    kept
        The layers whose earlier findings stay beside these, with the facts of their groups; see
        :mod:`precompute.experiments.layerwise`.
    """

    name: str
    facts: dict[str, Any]
    findings: Findings
    kept: dict[str, dict[str, Any]] = field(default_factory=dict)

    def beside(self, store: Store) -> "StoredFindings":
        """Return the same findings, made ready to stand in one group with the store's findings on other layers.

        Raises
        ------
        OptionError, StoreError
            Where both cannot stand in one group.
        """
        refuse_other_options(store, self.name, self.facts)
        refuse_other_common_datasets(store, self.name, self.facts, self.findings.arrays)
        return replace(
            self, facts=joined(store, self.name, self.facts), kept=layers_that_stay(store, self.name, self.facts)
        )


def write(writer: StoreWriter, found: StoredFindings) -> None:
    """Write what an experiment found; the paths of :func:`replaced_paths` must be gone before."""
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
    """List the paths to remove before writing: the experiment's group, its measures, and the measures to be written.

    Findings on layers that are kept stay.
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
    """List the paths of an experiment's group to remove: the whole group, or all but the layers that are kept."""
    if not found.kept:
        return {experiment_path(found.name)}
    held = store.experiment(found.name)
    parts = {f"layers/{layer}" for layer in held.layers if layer not in found.kept}
    parts |= {path for path in held if not path.startswith("layers/")}
    return {experiment_path(found.name, part) for part in parts}
