"""The merge: from the shards of a sweep to the store, all but pictures and maps.

A block of units at a time is read over all images, and written in chunks of one unit each. A store of sums is made from
the same rows without keeping them, so its sums are those of a whole store.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import h5py
import numpy as np

from precompute.measures import activity, drops, selectivity
from precompute.measures.exemplars import path_checksums
from precompute.measures.image_top import strongest_units
from precompute.measures.table import measure_name, measure_row
from precompute.models.outputs import has_log_prob
from precompute.models.sites import Site
from precompute.models.state_dict import plain_tensors
from precompute.models.upstream import kernel_l1
from precompute.run.plan import Plan
from precompute.run.shards import ShardFolder, array_name
from precompute.run.sweep import SweptImages
from precompute.stages.exemplars import Choice, choose
from precompute.store.blocks import row_blocks
from precompute.store.keep import ALL
from precompute.store.schema import EXEMPLAR_KINDS, MAX_STATE_DICT_BYTES, MILLION, layer_path
from precompute.store.train_writer import Writer
from precompute.store.writer import StoreWriter


@dataclass(frozen=True, eq=False)
class Merged:
    """What later stages need from the merge.

    Parameters
    ----------
    accuracy
        Share of the images that the network gets right with nothing ablated.
    exemplars
        For every layer (unit, kind times exemplar): the images of each unit's exemplar lists, one list after the other.
    flips
        For every layer and kind of ablation, how many predictions changed.
    """

    accuracy: float
    exemplars: dict[Site, np.ndarray] = field(default_factory=dict)
    flips: dict[str, int] = field(default_factory=dict)

    def shown_images(self) -> np.ndarray:
        """Return the images that are in at least one exemplar list, in order."""
        return np.unique(np.concatenate([images.ravel() for images in self.exemplars.values()]))


# The sweep


def write_sweep(
    writer: Writer, plan: Plan, folder: ShardFolder, images: SweptImages, advance: Callable[[int], None]
) -> Merged:
    """Write all that the store holds of a sweep, but pictures and maps.

    Parameters
    ----------
    writer
        The writer of the store, or of its training images.
    plan
        The plan for these images.
    folder
        Their side files.
    images
        The images that could be read.
    advance
        Is called with 1 when a layer is done.

    Returns
    -------
    Merged
        What later stages need.
    """
    _write_images(writer, images)
    prediction = folder.read_all(images.shards, "prediction")
    writer.write("/baseline/prediction", prediction)
    writer.describe("/baseline", {"log_prob": plan.log_prob})
    with_log_prob = has_log_prob(plan.log_prob)
    if with_log_prob:
        writer.write("/baseline/log_prob", folder.read_all(images.shards, "log_prob"))
    _write_top_outputs(writer, folder, images, with_log_prob=with_log_prob)
    label = images.list.labels
    before = drops.Answers(prediction, plan.classes.output_index[label], label, len(plan.classes.names))
    merged = Merged(accuracy=float(before.right.mean()))
    for number, site in enumerate(plan.sites):
        layer = _LayerMerge(writer, plan, folder, images, before, number)
        measures = layer.write_activations() | {"l1_norm": kernel_l1(plan.model.network, site, plan.probe[:2])}
        for kind in plan.options.ablation:
            found, merged.flips[f"{site.name} {kind}"] = layer.write_ablation(kind)
            if with_log_prob and layer.keeps_all:
                layer.write_log_prob_changes(kind)
            measures |= found
        layer.write_measures(measures)
        layer.write_image_top()
        merged.exemplars[site] = layer.exemplar_images()
        advance(1)
    return merged


def write_network(writer: StoreWriter, plan: Plan) -> None:
    """Write the facts about the network, its parameters if they are few, and the classes of its outputs."""
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
    writer.write("/classes/name", plan.classes.names)
    writer.write("/classes/title", plan.classes.titles)
    writer.write("/classes/output_index", plan.classes.output_index)
    writer.describe("/classes", {"mapping": plan.classes.mapping})


def _write_top_outputs(writer: Writer, folder: ShardFolder, images: SweptImages, *, with_log_prob: bool) -> None:
    """Write the highest outputs of the network; shards of an earlier version of the program have none."""
    if all("top_output" in folder.names(shard) for shard in images.shards):
        writer.write("/baseline/top_output", folder.read_all(images.shards, "top_output"))
        if with_log_prob:
            writer.write("/baseline/top_log_prob", folder.read_all(images.shards, "top_log_prob"))


def _write_images(writer: Writer, images: SweptImages) -> None:
    writer.write("/images/path", images.list.paths)
    writer.write("/images/label", images.list.labels)
    if images.list.digests is not None:
        writer.write("/images/digest", images.list.digests)
    writer.write("/images/skipped/path", [path for path, _ in images.skipped])
    writer.write("/images/skipped/reason", [reason for _, reason in images.skipped])
    writer.describe("/images", {"root": str(images.list.root), "list_hash": images.list.digest()})


class _LayerMerge:
    """Merges the shards of one layer."""

    def __init__(
        self,
        writer: Writer,
        plan: Plan,
        folder: ShardFolder,
        images: SweptImages,
        before: drops.Answers,
        number: int,
    ) -> None:
        self.writer, self.folder, self.images, self.before = writer, folder, images, before
        self.number, self.site, self.top_k = number, plan.sites[number], plan.options.top_k
        self.keeps_all = plan.options.keep == ALL
        self.n_images = len(images.list)
        self._choices: list[dict[str, Choice]] = []

    def write_activations(self) -> dict[str, np.ndarray]:
        """Write activations, class means and exemplar lists; return the measures that follow from them."""
        facts = {
            "order": self.site.order,
            "kind": self.site.kind,
            "n_units": self.site.n_units,
            "spatial_shape": np.array(self.site.spatial_shape, dtype=np.int64),
            "unit_dimension": np.int32(self.site.unit_dimension),
            "positions": self.site.positions,
            "other_tokens": np.int32(len(self.site.other_tokens or ())),
        }
        if self.site.part is not None:
            facts["part"] = np.rint(np.array(self.site.part) * MILLION).astype(np.int64)
        self.writer.describe(layer_path(self.site.name), facts)
        signed = self._is_signed()
        names = ("max", "mean", "positive_mean") if signed else ("max", "mean")
        targets = self._matrices(names) if self.keeps_all else {}
        checksum = path_checksums(self.images.list.paths)
        means, positive_means, dead, active = [], [], [], []
        for block in row_blocks(self.site.n_units, 4 * self.n_images * len(names)):
            rows = {name: self._activation_rows(name, block) for name in names}
            for name, target in targets.items():
                target[block] = rows[name]
            means.append(self._class_means(rows["mean"]))
            positive_means.append(self._class_means(rows["positive_mean"]) if signed else means[-1])
            dead.append(activity.dead(rows["max"], rows["mean"]))
            active.append((rows["max"] > 0).sum(axis=1))
            self._choices.append(choose(rows["max"], rows["mean"], checksum, k=self.top_k))
        self.writer.write(self._path("class_mean"), np.concatenate(means))
        if signed:
            self.writer.write(self._path("class_positive_mean"), np.concatenate(positive_means))
        self.writer.write(self._path("n_active"), np.concatenate(active))
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
        self.writer.write(f"{base}/correct", correct)
        self.writer.write(f"{base}/drop", drops.class_drops(self.before.correct, correct, self.before.count))
        measures = drops.drop_measures(self.before, correct)
        return {measure_name(name, kind): values for name, values in measures.items()}, len(image)

    def write_log_prob_changes(self, kind: str) -> None:
        """Write how one kind of ablation changes the log-probabilities."""
        path = self._path("ablation", kind, "log_prob_change")
        change = self.writer.create(path, (self.site.n_units, self.n_images))
        for block in row_blocks(self.site.n_units, 2 * self.n_images):
            change[block] = _changes(self.folder, self.images, self.number, kind)[block]

    def write_measures(self, values: Mapping[str, np.ndarray]) -> None:
        """Write measures, each with the facts that a reader needs to understand it."""
        for name, numbers in values.items():
            path, facts = self._path("measure", name), measure_row(name).facts()
            self.writer.write(path, numbers)
            if name in ("class_selectivity", "selective_class"):
                facts["based_on"] = "activation/positive_mean" if self._is_signed() else "activation/mean"
            self.writer.describe(path, facts)

    def write_image_top(self) -> None:
        """Write the most active units of each image, shard by shard: a shard has all units on some images."""
        found = []
        for shard in self.images.shards:
            largest, mean = (self.folder.read(shard, self._name(part)) for part in ("max", "mean"))
            found.append(strongest_units([(largest, mean)]))
        for part, arrays in zip(("unit", "value"), zip(*found, strict=True), strict=True):
            self.writer.write(self._path("image_top", part), np.concatenate(arrays))

    def exemplar_images(self) -> np.ndarray:
        """Return the images of each unit's exemplar lists, one list after the other, (unit, kind times exemplar)."""
        return np.concatenate(
            [np.concatenate([choice[kind].image for kind in EXEMPLAR_KINDS], axis=1) for choice in self._choices]
        )

    def _matrices(self, names: Sequence[str]) -> dict[str, h5py.Dataset]:
        """Make the datasets of the layer's activations, (unit, image) each; write those of tokens apart at once."""
        self._write_other_tokens()
        shape = (self.site.n_units, self.n_images)
        return {name: self.writer.create(self._path("activation", name), shape) for name in names}

    def _write_other_tokens(self) -> None:
        if not self.site.other_tokens:
            return
        shape = (self.site.n_units, self.n_images, len(self.site.other_tokens))
        target = self.writer.create(self._path("activation", "other_tokens"), shape)
        for block in row_blocks(self.site.n_units, 4 * self.n_images * shape[2]):
            target[block] = SideFileArray(self.folder, self.images.shards, self._name("other_tokens"))[block]

    def _write_exemplar_lists(self) -> None:
        for kind in EXEMPLAR_KINDS:
            for part in ("image", "value", "tied"):
                joined = np.concatenate([getattr(choice[kind], part) for choice in self._choices])
                self.writer.write(self._path("exemplar", kind, part), joined)

    def _flips(self, kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return unit, image and prediction of all flips, in order of unit, then image, numbered over all shards."""
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
            return SideFileArray(self.folder, self.images.shards, self._name(name))[block]
        # A shard in which the layer never goes below zero has no positive mean of its own: it is the mean.
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
        return array_name(self.number, *parts)

    def _path(self, *parts: str) -> str:
        return layer_path(self.site.name, *parts)


@dataclass(frozen=True)
class SideFileArray:
    """An array (unit, image, ...) that lies in side files, divided by images; indexing it by units reads it."""

    folder: ShardFolder
    shards: Sequence[str]
    name: str

    def __getitem__(self, units: int | slice) -> np.ndarray:
        """Read one unit or a slice of units over all images."""
        axis = 0 if isinstance(units, int | np.integer) else 1
        return np.concatenate([self.folder.read(shard, self.name)[units] for shard in self.shards], axis=axis)


def changes_left_out(plan: Plan, folder: ShardFolder, images: SweptImages) -> dict[str, SideFileArray]:
    """Return the changes of log-probability that a store of sums leaves out, by path; empty for a whole store."""
    if plan.options.keep == ALL or not has_log_prob(plan.log_prob):
        return {}
    return {
        layer_path(site.name, "ablation", kind, "log_prob_change"): _changes(folder, images, number, kind)
        for number, site in enumerate(plan.sites)
        for kind in plan.options.ablation
    }


def _changes(folder: ShardFolder, images: SweptImages, number: int, kind: str) -> SideFileArray:
    return SideFileArray(folder, images.shards, array_name(number, kind, "log_prob_change"))
