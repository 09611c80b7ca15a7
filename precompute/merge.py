"""From side files to the store: what the shards' arrays are called, and how they become datasets.

Layers are merged in blocks of units: each block gathers its rows from every shard, becomes whole rows over all images,
and is written as one-unit chunks. A block's size follows from the number of images, so memory does not.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from precompute.ablation.engine import Counts
from precompute.images.folder import ImageList
from precompute.images.loading import Batch
from precompute.measures import activity, drops, selectivity
from precompute.measures.exemplars import path_checksums
from precompute.measures.table import MEASURES, MeasureRow, rows_for
from precompute.models.checkpoints import plain_tensors
from precompute.models.sites import Site
from precompute.plan import Plan
from precompute.shards import ShardFolder
from precompute.stages.ablation import Effect
from precompute.stages.activations import Answer, log_softmax
from precompute.stages.exemplars import Choice, choose
from precompute.stages.gallery import Maps
from precompute.store.schema import EXEMPLAR_KINDS, MAX_STATE_DICT_BYTES, layer_path
from precompute.store.writer import StoreWriter, put_bytes

_COUNTED = ("rows", "changed", "rechecked", "audited")
_BLOCK_BYTES = 64 * 1024**2


@dataclass(frozen=True, eq=False)
class Swept:
    """The images of a finished sweep.

    Parameters
    ----------
    list
        Those that could be read, in order.
    skipped
        Path and reason of those that could not.
    shards
        Names of the shards that hold any image.
    """

    list: ImageList
    skipped: tuple[tuple[str, str], ...]
    shards: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Merged:
    """What later stages need of a merged sweep.

    Parameters
    ----------
    accuracy
        Share of the images that the network gets right with nothing ablated.
    exemplars
        For every layer the images of the units' lists behind each other, (unit, kind times exemplar).
    flips
        For every layer and kind of ablation, how many predictions changed.
    """

    accuracy: float
    exemplars: dict[Site, np.ndarray] = field(default_factory=dict)
    flips: dict[str, int] = field(default_factory=dict)

    def named_images(self) -> np.ndarray:
        """Return the images that some list names, in order."""
        return np.unique(np.concatenate([images.ravel() for images in self.exemplars.values()]))


# What the arrays of a shard are called


def answer_arrays(found: Answer, target: np.ndarray) -> dict[str, np.ndarray]:
    """Name the baseline and the activations of a shard."""
    log_prob = log_softmax(found.logits)[np.arange(len(target)), target].astype(np.float32)
    arrays = {"prediction": found.logits.argmax(axis=1).astype(np.int32), "log_prob": log_prob}
    for number, responses in enumerate(found.responses.values()):
        arrays |= {_name(number, "max"): responses.max, _name(number, "mean"): responses.mean}
        if responses.positive_mean is not None:
            arrays[_name(number, "positive_mean")] = responses.positive_mean
    return arrays


def effect_arrays(number: int, kind: str, effect: Effect) -> dict[str, np.ndarray]:
    """Name the effect of one kind of ablation of one layer."""
    return {
        _name(number, kind, "flip_unit"): effect.flip_unit,
        _name(number, kind, "flip_image"): effect.flip_image,
        _name(number, kind, "flip_prediction"): effect.flip_prediction,
        _name(number, kind, "log_prob_change"): effect.log_prob_change,
    }


def count_arrays(number: int, before: Counts, after: Counts) -> dict[str, np.ndarray]:
    """Name what the engine did with a shard's rows of one layer, and its largest error so far."""
    counted = [getattr(after, name) - getattr(before, name) for name in _COUNTED]
    return {_name(number, "counts"): np.array(counted), _name(number, "largest_error"): np.array(after.largest_error)}


def bad_arrays(batch: Batch) -> dict[str, np.ndarray]:
    """Name the images of a shard that could not be read."""
    return {
        "bad_position": np.array([position for position, _ in batch.bad], dtype=np.int64),
        "bad_reason": np.array([reason for _, reason in batch.bad], dtype=np.str_),
    }


def sum_arrays(found: Answer | None) -> dict[str, np.ndarray]:
    """Name the sums over a shard's images from which the units' means follow."""
    if found is None:
        return {"count": np.array(0)}
    sums = {_name(i, "sum"): r.mean.sum(axis=1, dtype=np.float64) for i, r in enumerate(found.responses.values())}
    return {"count": np.array(len(found.logits)), **sums}


def thumbnail_arrays(batch: Batch, pictures: Sequence[bytes]) -> dict[str, np.ndarray]:
    """Name the thumbnails of a shard: one run of bytes, cut at the edges."""
    edges = np.cumsum([0, *map(len, pictures)])
    return {
        "image": np.array(batch.indices, dtype=np.int64),
        "thumbnail": np.frombuffer(b"".join(pictures), dtype=np.uint8),
        "thumbnail_edges": edges,
    }


def map_arrays(number: int, of: str, maps: Maps) -> dict[str, np.ndarray]:
    """Name exemplar maps, or the maps of an attribution method."""
    return {
        _name(number, of, "unit"): maps.unit,
        _name(number, of, "slot"): maps.slot,
        _name(number, of, "map"): maps.map,
    }


def _name(number: int, *parts: str) -> str:
    return "-".join((f"layer{number}", *parts))


# Reading shards back


def bad_count(folder: ShardFolder, shards: Sequence[str]) -> int:
    """Count the images of some shards that could not be read."""
    return sum(len(folder.read(shard, "bad_position")) for shard in shards)


def swept(plan: Plan, folder: ShardFolder, shards: Sequence[str]) -> Swept:
    """Find out which images there are after a sweep."""
    position = folder.read_all(shards, "bad_position")
    reason = folder.read_all(shards, "bad_reason")
    skipped = tuple((plan.candidates.paths[p], str(r)) for p, r in zip(position, reason, strict=True))
    held = tuple(shard for shard in shards if "prediction" in folder.names(shard))
    return Swept(plan.candidates.without(position.tolist()), skipped, held)


def unit_means(sites: Sequence[Site], folder: ShardFolder, shards: Sequence[str]) -> dict[Site, np.ndarray]:
    """Return the mean activation of every unit over all images and over space, (unit,)."""
    counts = [int(folder.read(shard, "count")) for shard in shards]
    held = [shard for shard, count in zip(shards, counts, strict=True) if count]
    return {
        site: np.sum([folder.read(shard, _name(i, "sum")) for shard in held], axis=0) / sum(counts)
        for i, site in enumerate(sites)
    }


def _rows(folder: ShardFolder, shards: Sequence[str], name: str, block: slice) -> np.ndarray:
    """Read a block of units over all images."""
    return np.concatenate([folder.read(shard, name)[block] for shard in shards], axis=1)


def _blocks(n_units: int, row_bytes: int) -> Iterator[slice]:
    size = max(1, _BLOCK_BYTES // max(1, row_bytes))
    return (slice(start, min(start + size, n_units)) for start in range(0, n_units, size))


# The sweep


def write_sweep(
    writer: StoreWriter,
    plan: Plan,
    folder: ShardFolder,
    images: Swept,
    norms: Mapping[Site, np.ndarray],
    advance: Callable[[int], None],
) -> Merged:
    """Write everything but pictures and maps."""
    _write_model(writer, plan)
    _write_classes_and_images(writer, plan, images)
    prediction = folder.read_all(images.shards, "prediction")
    writer.write("/baseline/prediction", prediction)
    writer.write("/baseline/log_prob", folder.read_all(images.shards, "log_prob"))
    label = images.list.labels
    before = drops.Answers(prediction, plan.classes.output_index[label], label, len(plan.classes.names))
    merged = Merged(accuracy=float(before.right.mean()))
    for number, site in enumerate(plan.sites):
        layer = _LayerMerge(writer, folder, images, before, number, site, plan.options.top_k)
        measures = layer.write_activations() | {"l1_norm": norms[site]}
        for kind in plan.options.ablation:
            found, merged.flips[f"{site.name} {kind}"] = layer.write_ablation(kind)
            measures |= found
        layer.write_measures(measures)
        merged.exemplars[site] = layer.exemplar_images()
        advance(1)
    return merged


def _write_model(writer: StoreWriter, plan: Plan) -> None:
    facts = {
        "spec": plan.model.spec,
        "weights": plan.model.weights,
        "n_outputs": plan.n_outputs,
        "input_size": list(plan.probe.shape[1:]),
    }
    writer.describe("/model", facts)
    tensors = plain_tensors(plan.model.network)
    if sum(tensor.nbytes for tensor in tensors.values()) <= MAX_STATE_DICT_BYTES:
        for name, tensor in tensors.items():
            writer.write(f"/model/state_dict/{name}", tensor)


def _write_classes_and_images(writer: StoreWriter, plan: Plan, images: Swept) -> None:
    writer.write("/classes/name", plan.classes.names)
    writer.write("/classes/title", plan.classes.titles)
    writer.write("/classes/output_index", plan.classes.output_index)
    writer.write("/images/path", images.list.paths)
    writer.write("/images/label", images.list.labels)
    writer.write("/images/skipped/path", [path for path, _ in images.skipped])
    writer.write("/images/skipped/reason", [reason for _, reason in images.skipped])
    writer.describe("/images", {"root": str(images.list.root), "list_hash": images.list.digest()})


class _LayerMerge:
    """Merges one layer of a sweep."""

    def __init__(
        self,
        writer: StoreWriter,
        folder: ShardFolder,
        images: Swept,
        before: drops.Answers,
        number: int,
        site: Site,
        top_k: int,
    ) -> None:
        self.writer, self.folder, self.images, self.before = writer, folder, images, before
        self.number, self.site, self.top_k = number, site, top_k
        self.n_images = len(images.list)
        self._choices: list[dict[str, Choice]] = []

    def write_activations(self) -> dict[str, np.ndarray]:
        """Write activations, class means and exemplar lists; return the measures that follow from them."""
        facts = {
            "order": self.site.order,
            "kind": self.site.kind,
            "n_units": self.site.n_units,
            "spatial_shape": np.array(self.site.spatial_shape, dtype=np.int64),
        }
        self.writer.describe(layer_path(self.site.name), facts)
        signed = self._is_signed()
        names = ("max", "mean", "positive_mean") if signed else ("max", "mean")
        shape = (self.site.n_units, self.n_images)
        targets = {name: self.writer.create(self._path("activation", name), shape) for name in names}
        checksum = path_checksums(self.images.list.paths)
        means, positive_means, dead = [], [], []
        for block in _blocks(self.site.n_units, 4 * self.n_images * len(names)):
            rows = {name: self._activation_rows(name, block) for name in names}
            for name, values in rows.items():
                targets[name][block] = values
            means.append(self._class_means(rows["mean"]))
            positive_means.append(self._class_means(rows["positive_mean"]) if signed else means[-1])
            dead.append(activity.dead(rows["max"], rows["mean"]))
            self._choices.append(choose(rows["max"], rows["mean"], checksum, k=self.top_k))
        self.writer.write(self._path("class_mean"), np.concatenate(means))
        self._write_exemplar_lists()
        index, preferred = selectivity.class_selectivity(np.concatenate(positive_means))
        return {"class_selectivity": index, "selective_class": preferred, "dead": np.concatenate(dead)}

    def write_ablation(self, kind: str) -> tuple[dict[str, np.ndarray], int]:
        """Write the effect of one kind of ablation; return the measures that follow from it, and the flips."""
        base = self._path("ablation", kind)
        unit, image, prediction = self._flips(kind)
        counts = np.bincount(unit, minlength=self.site.n_units)
        self.writer.write(f"{base}/flip/indptr", np.cumsum([0, *counts]))
        self.writer.write(f"{base}/flip/image", image)
        self.writer.write(f"{base}/flip/prediction", prediction)
        correct = drops.correct_without(unit, image, prediction, self.site.n_units, self.before)
        drop = drops.class_drops(self.before.correct, correct, self.before.count)
        self.writer.write(f"{base}/correct", correct)
        self.writer.write(f"{base}/drop", drop)
        change = self.writer.create(f"{base}/log_prob_change", (self.site.n_units, self.n_images))
        for block in _blocks(self.site.n_units, 2 * self.n_images):
            change[block] = _rows(self.folder, self.images.shards, self._name(kind, "log_prob_change"), block)
        overall = drops.overall_drop(self.before.correct, correct, self.before.count)
        worst, where = drops.max_class_drop(drop)
        names = [row.name for row in rows_for(kind)]
        return dict(zip(names, (overall, worst, where), strict=True)), len(image)

    def write_measures(self, values: Mapping[str, np.ndarray]) -> None:
        """Write measures with what a reader needs to understand them."""
        rows: dict[str, MeasureRow] = {row.name: row for row in (*MEASURES, *rows_for("mean"))}
        for name, numbers in values.items():
            path, row = self._path("measure", name), rows[name]
            self.writer.write(path, numbers)
            facts = {fact: getattr(row, fact) for fact in ("label", "formula", "source", "range", "better")}
            if name in ("class_selectivity", "selective_class"):
                facts["based_on"] = "activation/positive_mean" if self._is_signed() else "activation/mean"
            self.writer.describe(path, facts)

    def exemplar_images(self) -> np.ndarray:
        """Return the images of all lists behind each other, (unit, kind times exemplar)."""
        return np.concatenate(
            [np.concatenate([choice[kind].image for kind in EXEMPLAR_KINDS], axis=1) for choice in self._choices]
        )

    def _write_exemplar_lists(self) -> None:
        for kind in EXEMPLAR_KINDS:
            for part in ("image", "value", "tied"):
                joined = np.concatenate([getattr(choice[kind], part) for choice in self._choices])
                self.writer.write(self._path("exemplar", kind, part), joined)

    def _flips(self, kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Flips of all shards in order of unit, then image; images numbered over all shards."""
        unit, image, prediction, offset = [], [], [], 0
        for shard in self.images.shards:
            unit.append(self.folder.read(shard, self._name(kind, "flip_unit")))
            image.append(self.folder.read(shard, self._name(kind, "flip_image")) + offset)
            prediction.append(self.folder.read(shard, self._name(kind, "flip_prediction")))
            offset += len(self.folder.read(shard, "prediction"))
        units, images = np.concatenate(unit), np.concatenate(image)
        order = np.lexsort((images, units))
        return units[order], images[order], np.concatenate(prediction)[order]

    def _activation_rows(self, name: str, block: slice) -> np.ndarray:
        if name != "positive_mean":
            return _rows(self.folder, self.images.shards, self._name(name), block)
        # In a shard that goes nowhere below zero the positive mean is the mean.
        held = [self._name(name) in self.folder.names(shard) for shard in self.images.shards]
        parts = zip(self.images.shards, held, strict=True)
        return np.concatenate(
            [self.folder.read(shard, self._name(name if has else "mean"))[block] for shard, has in parts], axis=1
        )

    def _is_signed(self) -> bool:
        return any(self._name("positive_mean") in self.folder.names(shard) for shard in self.images.shards)

    def _class_means(self, rows: np.ndarray) -> np.ndarray:
        return selectivity.class_means(rows, self.before.label, self.before.n_classes)

    def _name(self, *parts: str) -> str:
        return _name(self.number, *parts)

    def _path(self, *parts: str) -> str:
        return layer_path(self.site.name, *parts)


# Pictures and maps


def write_gallery(
    writer: StoreWriter, plan: Plan, folder: ShardFolder, shards: Sequence[str], images: Swept, merged: Merged
) -> None:
    """Write thumbnails, exemplar maps and attributions."""
    thumbnails = writer.create("/images/thumbnail", (len(images.list),))
    for shard in shards:
        edges, data = folder.read(shard, "thumbnail_edges"), folder.read(shard, "thumbnail")
        for row, image in enumerate(folder.read(shard, "image")):
            put_bytes(thumbnails, int(image), data[edges[row] : edges[row + 1]].tobytes())
    for number, site in enumerate(plan.sites):
        n_slots = merged.exemplars[site].shape[1]
        k = n_slots // len(EXEMPLAR_KINDS)
        paths = {layer_path(site.name, "exemplar", kind, "map"): (i * k, k) for i, kind in enumerate(EXEMPLAR_KINDS)}
        _write_maps(writer, folder, shards, _name(number, "exemplar"), site.n_units, paths)
        for method in plan.attribution.methods[site.name]:
            path = layer_path(site.name, "attribution", method, "map")
            n_maps = min(plan.attribution.n_exemplars, k)
            _write_maps(writer, folder, shards, _name(number, method), site.n_units, {path: (0, n_maps)})
        for method, reason in plan.attribution.left_out[site.name].items():
            writer.describe(layer_path(site.name, "attribution", method), {"left_out": reason})


def _write_maps(
    writer: StoreWriter,
    folder: ShardFolder,
    shards: Sequence[str],
    name: str,
    n_units: int,
    paths: Mapping[str, tuple[int, int]],
) -> None:
    """Scatter the shards' maps to datasets; each path takes some slots: the first, and how many."""
    held = [shard for shard in shards if len(folder.read(shard, f"{name}-unit"))]
    side = folder.read(held[0], f"{name}-map").shape[1:]
    n_slots = max(first + count for first, count in paths.values())
    targets = {path: writer.create(path, (n_units, count, *side)) for path, (_, count) in paths.items()}
    for block in _blocks(n_units, n_slots * int(np.prod(side)) * 2):
        maps = np.full((block.stop - block.start, n_slots, *side), np.nan, dtype=np.float16)
        for shard in held:
            unit = folder.read(shard, f"{name}-unit")
            here = slice(*np.searchsorted(unit, [block.start, block.stop]))
            maps[unit[here] - block.start, folder.read(shard, f"{name}-slot")[here]] = folder.read(
                shard, f"{name}-map"
            )[here]
        for path, (first, count) in paths.items():
            targets[path][block] = maps[:, first : first + count]


def provenance_text(plan: Plan, folder: ShardFolder, images: Swept, facts: Mapping[str, Any]) -> str:
    """Say how the store came to be, as JSON text."""
    flips, rows = np.sum([folder.read(shard, "no_op") for shard in images.shards], axis=0).tolist()
    record = {
        **facts,
        "weights": {"name": plan.model.weights, "sha256": plan.identity()["the network's weights"]},
        "transform": plan.model.transform_text,
        "image_list_hash": images.list.digest(),
        "no_op_flip_rate": flips / rows,
        "no_op_rows": rows,
        "ablation_engine": {site.name: _engine_record(plan, folder, images, i) for i, site in enumerate(plan.sites)},
        "notes": list(plan.model.notes),
        "thumbnails": "what the network saw"
        if plan.view.exact
        else "what the network saw, each stretched to its range",
        "attribution": {
            "exemplars": plan.attribution.n_exemplars,
            "reduced": plan.attribution.reduced,
        },
    }
    return json.dumps(record, indent=1)


def _engine_record(plan: Plan, folder: ShardFolder, images: Swept, number: int) -> dict[str, Any]:
    site = plan.sites[number]
    if site in plan.slow:
        return {"method": "plain", "because": plan.slow[site]}
    counts = np.sum([folder.read(shard, _name(number, "counts")) for shard in images.shards], axis=0)
    errors = [float(folder.read(shard, _name(number, "largest_error"))) for shard in images.shards]
    return {
        "method": "exact engine",
        **dict(zip(_COUNTED, counts.tolist(), strict=True)),
        "largest_logit_error": max(errors),
    }
