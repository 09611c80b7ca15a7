"""An experiment on some layers of a store: earlier findings on other layers stay, or the new findings are refused."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from precompute.errors import OptionError, StoreError
from precompute.experiments.options import ExperimentOptions
from precompute.experiments.protocol import Arrays
from precompute.store.experiment import Experiment
from precompute.store.experiments.registry import spec_of
from precompute.store.reader import Store

# Options that say where things lie, where to compute and how long it may take. They alone do not change the findings.
_NOT_COMPARED = ("layers", "images", "model", "weights", "device", "ray", "rates", "max_minutes")


def layers_that_stay(store: Store, name: str, facts: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """List the layers whose earlier findings stay beside new ones of the same experiment.

    Parameters
    ----------
    store
        The store before the new findings are written.
    name
        The name of the experiment.
    facts
        The facts of the new group; its options say which layers were asked for.

    Returns
    -------
    dict
        For each layer that stays, the facts on how its findings were made.
    """
    asked = json.loads(facts["options"]).get("layers")
    if asked is None or name not in store.experiments:
        return {}
    held = store.experiment(name)
    return {layer: held.facts_of(layer) for layer in held.layers if layer not in asked}


def refuse_other_options(store: Store, name: str, facts: Mapping[str, Any]) -> None:
    """Refuse findings if those on other layers were made with other options, by another version, or cut otherwise.

    Raises
    ------
    OptionError
        It names the layers whose findings would be lost, and what differs.
    """
    kept = layers_that_stay(store, name, facts)
    differing = _differences(store.experiment(name), facts) if kept else []
    if differing:
        raise OptionError(
            f"{store.path}: its findings of {name} for {', '.join(kept)} would be lost, because they were made with "
            f"{'; '.join(differing)}. Give the same options, or leave out --layer to make all anew."
        )


def refuse_other_common_datasets(store: Store, name: str, facts: Mapping[str, Any], arrays: Arrays) -> None:
    """Refuse findings if a dataset that all layers share differs from that of the layers that stay.

    Raises
    ------
    StoreError
        It names the first dataset that differs.
    """
    if not layers_that_stay(store, name, facts):
        return
    held = store.experiment(name)
    for path, values in arrays.items():
        if not path.startswith("layers/") and (path not in held or not _same(held[path], values)):
            raise StoreError(
                f"{store.path}: the findings of {name} on other layers rest on another dataset {path} than these, for "
                "example on other images. Nothing was added. Leave out --layer to make them anew for all layers."
            )


def joined(store: Store, name: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of the group that holds both findings: its option `layers` lists the layers of both."""
    kept = layers_that_stay(store, name, facts)
    if not kept:
        return dict(facts)
    options = json.loads(facts["options"])
    together = {*options["layers"], *kept}
    layers = [layer.name for layer in store.layers if layer.name in together]
    return {**facts, "options": json.dumps({**options, "layers": layers})}


def _differences(held: Experiment, facts: Mapping[str, Any]) -> list[str]:
    """List what an earlier group was made with that differs from the new one, a clause each."""
    before, now = ({**_default(held.name), **each} for each in (held.facts["options"], json.loads(facts["options"])))
    found = [
        f"the option {option} {before.get(option)}, not {now.get(option)}"
        for option in sorted({*before, *now}.difference(_NOT_COMPARED))
        if before.get(option) != now.get(option)
    ]
    versions = held.facts.get("versions", {}).get("unitscope"), json.loads(facts["versions"]).get("unitscope")
    if versions[0] != versions[1]:
        found.append(f"version {versions[0]} of Unitscope, not {versions[1]}")
    if held.facts.get("reduced") != facts.get("reduced"):
        cut, new = (each.get("reduced", "nothing") for each in (held.facts, facts))
        found.append(f"other parts cut to save time ({cut}), not ({new})")
    return found


def _default(name: str) -> dict[str, Any]:
    """Return the default options of an experiment; earlier stores hold only the options that were given."""
    return ExperimentOptions().whole(spec_of(name))


def _same(held: np.ndarray, values: np.ndarray) -> bool:
    values = np.asarray(values)
    if held.dtype.kind in "US":
        return held.tolist() == values.astype(str).tolist()
    return np.array_equal(held, values.astype(held.dtype), equal_nan=True)
