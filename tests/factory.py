"""Stores made up from a seed, in no time: for tests of whatever reads a store.

The numbers are drawn, but they hang together as those of a real run do: drops follow from flips, exemplars from
activations, and a few units really prefer a class and really matter to it.
"""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image, ImageDraw

from precompute.measures import drops, exemplars, selectivity
from precompute.measures.activity import dead
from precompute.measures.image_top import strongest_units
from precompute.measures.table import measure_row
from precompute.store import check, schema
from precompute.store.list_hash import list_hash
from precompute.store.pictures import write_pictures
from precompute.store.schema import layer_path
from precompute.store.stamps import VALUES, stamp
from precompute.store.train_writer import TrainWriter
from precompute.store.writer import StoreWriter

LOSSES = {
    "mean ablation",
    "log_prob_change",
    "image_top",
    "quantile",
    "bottom",
    "attribution",
    "measures",
    "state_dict",
    "later_sums",
}


@dataclass(frozen=True)
class Recipe:
    """What to make up.

    ``without`` names optional parts to leave out (see ``LOSSES``), ``signed`` the layers that go below zero. ``spare``
    is how many outputs are not a class, ``n_empty`` how many of the last classes have no images. ``tokens`` names
    layers whose positions are tokens, with how many of them are apart from the picture. ``kinds`` are those of
    ablation; ``keep`` is what the store keeps of every unit on every image.
    """

    n_classes: int = 12
    per_class: int = 20
    layers: tuple[tuple[str, int, tuple[int, ...]], ...] = (("features.8", 12, (11, 11)), ("features.10", 16, (11, 11)))
    k: int = 9
    seed: int = 0
    without: frozenset[str] = frozenset()
    signed: frozenset[str] = frozenset()
    spare: int = 0
    n_empty: int = 0
    tokens: tuple[tuple[str, int], ...] = ()
    kinds: tuple[str, ...] = ("zero", "mean")
    keep: str = "all"


@dataclass
class Contents:
    """What a store is to hold: datasets and facts by path, and pictures by image."""

    datasets: dict = field(default_factory=dict)
    facts: dict = field(default_factory=dict)
    pictures: dict = field(default_factory=dict)
    provenance: dict = field(default_factory=dict)

    def write(self, path, values):
        self.datasets[path] = np.asarray(values)

    def describe(self, path, facts):
        self.facts[path] = facts


def make_store(path: Path, recipe: Recipe | None = None) -> Path:
    """Write a complete store and return its path.

    It is not checked, which would take longer than the rest: of any recipe `test_round_trip.py` does.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(check, "problems_of", lambda _file, **_: [])
        return write_store(path, make_contents(recipe or Recipe()))


def write_store(path: Path, contents: Contents, training: Contents | None = None) -> Path:
    """Write what is to be in a store, with training images or without."""
    with StoreWriter(path) as writer:
        _write(writer, contents)
        if training is not None:
            of_images = ("/images", "/baseline", "/layers")
            kept = [
                {name: held for name, held in part.items() if name.startswith(of_images)}
                for part in (training.datasets, training.facts)
            ]
            _write(TrainWriter(writer), replace(training, datasets=kept[0], facts=kept[1]))
        writer.finish(json.dumps(contents.provenance))
    return path


@contextmanager
def as_if_written(path: Path) -> Iterator[h5py.File]:
    """Give a store's open file to change, and stamp it as if it had been written so."""
    with h5py.File(path, "r+") as file:
        yield file

        def unstamp(_: str, item: h5py.HLObject) -> None:
            item.attrs.pop(VALUES, None)

        file.visititems(unstamp)
        stamp(file)


def _write(writer: StoreWriter | TrainWriter, contents: Contents) -> None:
    for name, values in contents.datasets.items():
        writer.write(name, values)
    for name, facts in contents.facts.items():
        writer.describe(name, facts)
    write_pictures(writer, len(contents.datasets["/images/path"]), sorted(contents.pictures.items()))


def make_contents(recipe: Recipe) -> Contents:
    """Make up what a store is to hold."""
    contents = Contents(provenance=_provenance(recipe))
    rng = np.random.default_rng(recipe.seed)
    names = [f"{shade} {shape}" for shape in _SHAPES for shade in _SHADES]
    titles = [names[c] if c < len(names) else f"class {c}" for c in range(recipe.n_classes)]
    order = np.argsort([title.replace(" ", "_") for title in titles], kind="stable")
    titles = [titles[c] for c in order]
    folders = [title.replace(" ", "_") for title in titles]
    filled = range(recipe.n_classes - recipe.n_empty)
    label = np.repeat(filled, recipe.per_class)
    paths = [f"{folders[c]}/{i:04d}.png" for c in filled for i in range(recipe.per_class)]
    target = label + recipe.spare
    n_outputs = recipe.n_classes + recipe.spare
    prediction = np.where(rng.random(len(label)) < 0.9, target, rng.integers(0, n_outputs, len(label)))
    before = drops.Answers(prediction, target, label, recipe.n_classes)
    _make_frame(contents, recipe, folders=folders, titles=titles, paths=paths, label=label, rng=rng)
    contents.write("/baseline/prediction", prediction)
    log_prob = (-rng.exponential(0.3, len(label))).astype("f4")
    contents.write("/baseline/log_prob", log_prob)
    _make_outputs(contents, before, log_prob, n_outputs)
    shown: set[int] = set()
    for number, (layer, n_units, shape) in enumerate(recipe.layers):
        contents.describe(
            layer_path(layer), {"order": number, "kind": "ReLU", "n_units": n_units, "spatial_shape": list(shape)}
        )
        shown |= _make_layer(contents, recipe, layer, n_units, shape, before, paths, rng)
        if layer in dict(recipe.tokens):
            _make_tokens(contents, layer, (n_units, len(paths), dict(recipe.tokens)[layer]), rng)
    contents.pictures = {image: _picture(titles[label[image]], rng) for image in sorted(shown)}
    contents.describe("/", {"keep": recipe.keep})
    if recipe.keep == "sums":
        for name in [name for name in contents.datasets if schema.entry_for(name).of_unit_and_image]:
            del contents.datasets[name]
    return contents


def _provenance(recipe):
    return {
        "command": "python -m precompute run made-up --images made-up --out made-up.h5",
        "versions": {"unitscope": "0.1.0", "torch": "2.13.0", "python": "3.11.7"},
        "device": "cpu",
        "seeds": {"demo": recipe.seed},
        "weights": {"name": "made up", "sha256": "0" * 64},
        "transform": "made up",
        "image_list_hash": "0" * 64,
        "git_commit": None,
        "no_op_flip_rate": 0.0,
    }


def _make_frame(contents, recipe, *, folders, titles, paths, label, rng):
    contents.describe(
        "/model",
        {
            "spec": "made-up.py:build",
            "weights": "made up",
            "n_outputs": recipe.n_classes + recipe.spare,
            "input_size": [3, 96, 96],
        },
    )
    if "state_dict" not in recipe.without:
        contents.write("/model/state_dict/features.0.weight", rng.normal(size=(4, 3, 3, 3)).astype("f4"))
    contents.write("/classes/name", folders)
    contents.write("/classes/title", titles)
    contents.write("/classes/output_index", np.arange(recipe.n_classes) + recipe.spare)
    contents.describe("/classes", {"mapping": "the sorted order of the names"})
    contents.write("/images/path", paths)
    contents.write("/images/label", label)
    contents.write("/images/digest", np.zeros(len(paths), np.uint64))  # there are no files
    contents.write("/images/skipped/path", ["red_ball/broken.png"])
    contents.write("/images/skipped/reason", ["truncated file"])
    digest = list_hash(paths, [folders[c] for c in label])
    contents.describe("/images", {"root": "/made/up", "list_hash": digest})


def _make_layer(contents, recipe, layer, n_units, shape, before, paths, rng):
    preferred = rng.integers(0, before.n_classes, n_units)
    strength = rng.random(n_units) * 3
    drive = strength[:, None] * (before.label[None] == preferred[:, None]) + rng.normal(0, 0.7, (n_units, len(paths)))
    signed = layer in recipe.signed
    largest = (drive if signed else np.maximum(drive, 0)).astype("f4")
    largest[n_units - 1] = 0  # a dead unit
    share = rng.uniform(0.2, 0.4, largest.shape)
    mean = (largest * np.where(largest < 0, 1 + share, share)).astype("f4")
    positive = (np.maximum(largest, 0) * share).astype("f4")
    contents.write(layer_path(layer, "activation/max"), largest)
    contents.write(layer_path(layer, "activation/mean"), mean)
    if signed:
        contents.write(layer_path(layer, "activation/positive_mean"), positive)
    if "image_top" not in recipe.without:
        unit, value = strongest_units([(largest, mean)])
        contents.write(layer_path(layer, "image_top/unit"), unit)
        contents.write(layer_path(layer, "image_top/value"), value)
    contents.write(layer_path(layer, "class_mean"), selectivity.class_means(mean, before.label, before.n_classes))
    positive_mean = selectivity.class_means(positive, before.label, before.n_classes)
    if "later_sums" not in recipe.without:
        contents.write(layer_path(layer, "n_active"), (largest > 0).sum(axis=1))
        if signed:
            contents.write(layer_path(layer, "class_positive_mean"), positive_mean)
    index, best = selectivity.class_selectivity(positive_mean)
    values = {"class_selectivity": index, "selective_class": best, "dead": dead(largest, mean)}
    values["l1_norm"] = rng.gamma(4, 8, n_units)
    for kind in recipe.kinds[:1] if "mean ablation" in recipe.without else recipe.kinds:
        values |= _make_ablation(contents, recipe, layer, kind, largest, preferred, before, rng)
    if "measures" not in recipe.without:
        for name, value in values.items():
            contents.write(layer_path(layer, "measure", name), value)
            contents.describe(layer_path(layer, "measure", name), measure_row(name).facts())
    return _make_exemplars(contents, recipe, layer, shape, largest, mean, paths, rng)


def _make_outputs(contents, before, log_prob, n_outputs):
    """The prediction, then the true class where it is another, then the outputs after the prediction."""
    k = min(5, n_outputs)
    output = (before.prediction[:, None] + np.arange(k)) % n_outputs
    value = log_prob[:, None] - np.linspace(0, 1, k, dtype="f4")
    for image in np.flatnonzero(~before.right):
        others = [one for one in output[image, 1:] if one != before.target[image]]
        output[image, 1:] = [before.target[image], *others][: k - 1]
        value[image] = [log_prob[image] / 2, *value[image, : k - 1]]
    contents.write("/baseline/top_output", output)
    contents.write("/baseline/top_log_prob", value)


def _make_tokens(contents, layer, shape, rng):
    facts = {"unit_dimension": -1, "positions": "tokens", "other_tokens": shape[-1]}
    contents.facts[layer_path(layer)] |= facts
    if shape[-1]:
        contents.write(layer_path(layer, "activation/other_tokens"), rng.normal(size=shape))


def _make_ablation(contents, recipe, layer, kind, largest, preferred, before, rng):
    n_units = len(largest)
    chance = 0.01 + 0.25 * (before.label[None] == preferred[:, None]) * (rng.random(n_units)[:, None] > 0.4)
    flips = (rng.random(largest.shape) < chance) & (largest > 0)
    unit, image = np.nonzero(flips)
    n_outputs = before.n_classes + recipe.spare
    new = (before.prediction[image] + rng.integers(1, n_outputs, len(image))) % n_outputs
    base = layer_path(layer, "ablation", kind)
    contents.write(f"{base}/flip/indptr", np.r_[0, np.cumsum(flips.sum(axis=1))])
    contents.write(f"{base}/flip/image", image)
    contents.write(f"{base}/flip/prediction", new)
    correct = drops.correct_without(unit, image, new, n_units, before)
    drop = drops.class_drops(before.correct, correct, before.count)
    contents.write(f"{base}/correct", correct)
    contents.write(f"{base}/drop", drop)
    if "log_prob_change" not in recipe.without:
        contents.write(f"{base}/log_prob_change", -rng.exponential(0.05, largest.shape) - flips)
    largest_drop, worst = drops.max_class_drop(drop)
    suffix = "" if kind == "zero" else f"_{kind}"
    return {
        f"overall_drop{suffix}": drops.overall_drop(before.correct, correct, before.count),
        f"max_class_drop{suffix}": largest_drop,
        f"max_class_drop_class{suffix}": worst,
    }


def _make_exemplars(contents, recipe, layer, shape, largest, mean, paths, rng):
    checksum = exemplars.path_checksums(paths)
    shown: set[int] = set()
    k = min(recipe.k, len(paths))
    height, width = shape or (1, 1)
    y, x = np.mgrid[0:height, 0:width]
    for kind, choose in {"top": exemplars.top, "bottom": exemplars.bottom, "quantile": exemplars.quantile}.items():
        if kind in recipe.without:
            continue
        chosen = [choose(largest[u], mean[u], checksum, k) for u in range(len(largest))]
        image = np.array([images for images, _ in chosen])
        value = np.take_along_axis(largest, image, axis=1)
        centre = rng.uniform(0.2, 0.8, (2, *image.shape, 1, 1)) * np.reshape([height, width], (2, 1, 1, 1, 1))
        bump = np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / (0.03 * height * width + 0.1))
        base = layer_path(layer, "exemplar", kind)
        contents.write(f"{base}/image", image)
        contents.write(f"{base}/value", value)
        contents.write(f"{base}/tied", [tied for _, tied in chosen])
        contents.write(f"{base}/map", value[..., None, None] * bump)
        shown |= set(image.ravel().tolist())
    if "attribution" not in recipe.without:
        _make_attribution(contents, layer, len(largest), min(6, k), rng)
    return shown


def _make_attribution(contents, layer, n_units, k, rng):
    y, x = np.mgrid[0:96, 0:96] / 96
    for method in ("gradient", "integrated_gradients"):
        centre = rng.uniform(0.3, 0.7, (2, n_units, k, 1, 1))
        bump = np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / 0.02)
        noise = rng.normal(size=bump.shape)
        contents.write(layer_path(layer, "attribution", method, "map"), 0.05 * bump * noise)
        contents.write(layer_path(layer, "attribution", method, "computed"), np.ones((n_units, k), dtype="u1"))
        contents.write(layer_path(layer, "attribution", method, "error"), np.full((n_units, k), 0.02))
    for method in ("deconvolution", "guided_backpropagation"):
        reason = "a functional ReLU lies between the input and this layer, which Captum cannot rewrite"
        contents.describe(layer_path(layer, "attribution", method), {"left_out": reason})


_SHADES = {"red": "#c8452f", "blue": "#3b6fb6", "green": "#5b9b57", "yellow": "#dcae3c"}
_SHAPES = ("ball", "kite", "star", "ring")


def _picture(title, rng):
    image = Image.new("RGB", (96, 96), tuple(int(v) for v in rng.integers(150, 220, 3)))
    draw = ImageDraw.Draw(image)
    shade, _, shape = title.partition(" ")
    x, y = (int(v) for v in rng.integers(10, 40, 2))
    box = (x, y, x + 46, y + 46)
    colour = _SHADES.get(shade, "#777777")
    if shape == "kite":
        draw.polygon([(x + 23, y), (x + 46, y + 23), (x + 23, y + 46), (x, y + 23)], fill=colour)
    elif shape == "ring":
        draw.ellipse(box, outline=colour, width=10)
    elif shape == "star":
        draw.regular_polygon((x + 23, y + 23, 23), 5, fill=colour)
    else:
        draw.ellipse(box, fill=colour)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()
