"""An experiment on some layers of a store: what an earlier one found on the others stays, or the new one is refused."""

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

# Where things lie, where it is computed, and how long it may take: what is found does not follow from them alone.
_NOT_COMPARED = ("layers", "images", "model", "weights", "device", "ray", "rates", "max_minutes")


def others(store: Store, name: str, facts: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """List the layers whose findings stay beside those of an experiment, with what their groups say of themselves.

    Parameters
    ----------
    store
        As it is.
    name
        Of the experiment.
    facts
        Those of its group; its options say which layers were asked for.

    Returns
    -------
    dict
        By layer: facts of how its findings were made, where that was not by the command of the whole group.
    """
    asked = json.loads(facts["options"]).get("layers")
    if asked is None or name not in store.experiments:
        return {}
    held = store.experiment(name)
    return {layer: held.facts_of(layer) for layer in held.layers if layer not in asked}


def refuse_other_options(store: Store, name: str, facts: Mapping[str, Any]) -> None:
    """Refuse findings that would stand beside others made with other options, or by another version.

    Raises
    ------
    OptionError
        Naming the layers that would be lost, and what differs.
    """
    kept = others(store, name, facts)
    differing = _differences(store.experiment(name), facts) if kept else []
    if differing:
        raise OptionError(
            f"{store.path}: its findings of {name} for {', '.join(kept)} would be lost, for they were made with "
            f"{'; '.join(differing)}. Give the same options, or leave out --layer to make all anew."
        )


def refuse_other_common_datasets(store: Store, name: str, facts: Mapping[str, Any], arrays: Arrays) -> None:
    """Refuse findings whose datasets for all layers are not those of the layers that stay.

    Raises
    ------
    StoreError
        Naming the first that differs.
    """
    if not others(store, name, facts):
        return
    held = store.experiment(name)
    for path, values in arrays.items():
        if not path.startswith("layers/") and (path not in held or not _same(held[path], values)):
            raise StoreError(
                f"{store.path}: the findings of {name} on other layers rest on another {path} than these, as of other "
                "images. Nothing was added. Leave out --layer to make it anew for all layers."
            )


def joined(store: Store, name: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a group once the findings of other layers stand in it too: its layers are all of them."""
    kept = others(store, name, facts)
    if not kept:
        return dict(facts)
    options = json.loads(facts["options"])
    together = {*options["layers"], *kept}
    layers = [layer.name for layer in store.layers if layer.name in together]
    return {**facts, "options": json.dumps({**options, "layers": layers})}


def _differences(held: Experiment, facts: Mapping[str, Any]) -> list[str]:
    """Say what an earlier group was made with that is not what the new one is made with."""
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
        found.append(f"other parts cut down to save time ({cut}), not ({new})")
    return found


def _default(name: str) -> dict[str, Any]:
    """Return the options of an experiment that says none; earlier stores keep only those that were said."""
    return ExperimentOptions().whole(spec_of(name))


def _same(held: np.ndarray, values: np.ndarray) -> bool:
    values = np.asarray(values)
    if held.dtype.kind in "US":
        return held.tolist() == values.astype(str).tolist()
    return np.array_equal(held, values.astype(held.dtype), equal_nan=True)
