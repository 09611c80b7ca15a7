"""What a golden store holds, as the reader says it, and how to unpack one."""

import gzip
import hashlib
import json
from pathlib import Path

import numpy as np

from precompute.store.layer import Layer
from precompute.store.reader import Store
from precompute.store.records import HighestOutputs, StrongestUnits
from precompute.store.renamed import current

HERE = Path(__file__).parent
STORES = sorted(HERE.glob("format-[0-9].h5.gz"))
"""A store of each version with every part."""
SUMS = sorted(HERE.glob("format-[0-9]-sums.h5.gz"))
"""The same that keep sums only."""


def recorded(packed: Path) -> dict[str, object]:
    """Return what was recorded of a golden store when it was made, by the names that datasets have today."""
    text = packed.with_name(packed.name.replace(".h5.gz", ".json")).read_text("utf-8")
    return json.loads(text, object_pairs_hook=lambda pairs: {current(name): value for name, value in pairs})


def unpack(packed: Path, folder: Path) -> Path:
    """Write a golden store into a folder and return its path."""
    store = folder / packed.stem
    store.write_bytes(gzip.decompress(packed.read_bytes()))
    return store


def values_of(store: Store) -> dict[str, object]:
    """Return what the reader says of a store: small things as they are, arrays by their shape and digest."""
    found: dict[str, object] = {
        "model": [store.model.spec, store.model.weights, store.model.n_outputs, list(store.model.input_size)],
        "classes": [list(store.classes.name), list(store.classes.title), store.classes.output_index.tolist()],
        "images": [list(store.images.path), store.images.label.tolist()],
        "baseline": store.baseline.prediction.tolist(),
        "keep": store.keep,
        "mapping": store.classes.mapping,
        "skipped": [list(held) for held in store.images.skipped],
        "log_prob": [store.baseline.log_prob_of, _digest(store.baseline.log_prob)],
        "highest": [_listed(store.highest_outputs(image)) for image in range(len(store.images))],
        "conditions": list(store.conditions),
        "thumbnails": _digest(np.frombuffer(b"".join(map(store.thumbnail, range(len(store.images)))), np.uint8)),
        "state_dict": {name: _digest(values) for name, values in store.state_dict().items()},
    }
    for layer in store.layers:
        facts = [
            layer.order,
            layer.kind,
            layer.n_units,
            list(layer.spatial_shape),
            layer.unit_dimension,
            layer.positions,
        ]
        found[layer.name] = {
            "facts": facts,
            "class_mean": _digest(layer.class_mean),
            "class_positive_mean": _digest(layer.class_positive_mean),
            "active": [layer.n_active(unit) for unit in range(layer.n_units)],
            "strongest": [_listed(layer.strongest_units(image)) for image in range(len(store.images))],
            "measures": {name: _digest(measure.values) for name, measure in layer.measures.items()},
            "selectivity": [round(float(value), 6) for value in layer.measures["class_selectivity"].values],
            "units": [_unit(layer, unit) for unit in range(layer.n_units)],
        }
    for name in store.experiments:
        held = store.experiment(name)
        found[f"experiment {name}"] = {path: _digest(held[path]) for path in held}
    if store.train is not None:
        found["train"] = values_of(store.train)
    return found


def _listed(found: HighestOutputs | StrongestUnits) -> list[str]:
    """Return what is highest on an image, as digests: of what, and how high."""
    return [_digest(held) for held in vars(found).values()]


def _responses(layer: Layer, unit: int) -> dict[str, object]:
    """Return what a store says of a unit on every image; nothing where it keeps sums only."""
    if not layer.keeps_all:
        return {}
    response = layer.activation(unit)
    found: dict[str, object] = {"max": _digest(response.max), "mean": _digest(response.mean)}
    if response.positive_mean is not None:
        found["positive_mean"] = _digest(response.positive_mean)
    for kind in layer.ablations:
        found[f"{kind} log_prob"] = _digest(layer.log_prob_change(kind, unit))
    return found


def _unit(layer: Layer, unit: int) -> dict[str, object]:
    found = _responses(layer, unit)
    for kind in layer.ablations:
        effect, flips = layer.ablation(kind), layer.flips(kind, unit)
        found[kind] = [effect.correct[unit].tolist(), flips.image.tolist(), flips.prediction.tolist()]
        found[f"{kind} drop"] = _digest(effect.drop[unit])
    for kind in layer.exemplar_kinds:
        held = layer.exemplars(kind, unit)
        found[kind] = [held.image.tolist(), held.tied, _digest(held.value), _digest(held.map)]
    for facts in layer.attributions:
        if not facts.left_out:
            maps = layer.attribution(facts.method, unit)
            found[facts.method] = [_digest(maps.map), maps.computed.tolist(), _digest(maps.error)]
    return found


def _digest(values: np.ndarray) -> str:
    """Return the shape of an array and a digest of its values; NaN is one value, whatever its bits."""
    array = np.asarray(values)
    if array.dtype.kind in "OUST":
        data = json.dumps(array.astype(str).tolist()).encode()
    elif array.dtype.kind == "f":
        data = np.where(np.isnan(array), np.nan, array).astype("<f8").tobytes()
    else:
        data = array.astype("<i8").tobytes()
    return f"{'x'.join(map(str, array.shape))} {hashlib.sha256(data).hexdigest()[:16]}"
