"""Stores made up from a seed, in no time: for tests of whatever reads a store.

The numbers are drawn, but they hang together as those of a real run do: drops follow from flips, exemplars from
activations, and a few units really prefer a class and really matter to it.
"""

import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from precompute.measures import drops, exemplars, selectivity
from precompute.measures.activity import dead
from precompute.measures.table import MEASURES
from precompute.store.list_hash import list_hash
from precompute.store.schema import layer_path
from precompute.store.writer import StoreWriter, put_bytes

LOSSES = {"mean ablation", "log_prob_change", "quantile", "bottom", "attribution", "measures", "state_dict"}


@dataclass(frozen=True)
class Recipe:
    """What to make up. ``without`` names optional parts to leave out (see ``LOSSES``)."""

    n_classes: int = 12
    per_class: int = 20
    layers: tuple[tuple[str, int, tuple[int, ...]], ...] = (("features.8", 12, (11, 11)), ("features.10", 16, (11, 11)))
    k: int = 9
    seed: int = 0
    without: frozenset[str] = frozenset()


def make_store(path: Path, recipe: Recipe | None = None) -> Path:
    """Write a complete store and return its path."""
    recipe = recipe or Recipe()
    rng = np.random.default_rng(recipe.seed)
    names = [f"{shade} {shape}" for shape in _SHAPES for shade in _SHADES]
    titles = [names[c] if c < len(names) else f"class {c}" for c in range(recipe.n_classes)]
    order = np.argsort([title.replace(" ", "_") for title in titles], kind="stable")
    titles = [titles[c] for c in order]
    folders = [title.replace(" ", "_") for title in titles]
    label = np.repeat(np.arange(recipe.n_classes), recipe.per_class)
    paths = [f"{folders[c]}/{i:04d}.png" for c in range(recipe.n_classes) for i in range(recipe.per_class)]
    target = label
    prediction = np.where(rng.random(len(label)) < 0.9, target, rng.integers(0, recipe.n_classes, len(label)))
    before = drops.Answers(prediction, target, label, recipe.n_classes)
    shown: set[int] = set()
    with StoreWriter(path) as writer:
        _write_frame(writer, recipe, folders=folders, titles=titles, paths=paths, label=label, rng=rng)
        writer.write("/baseline/prediction", prediction)
        writer.write("/baseline/log_prob", -rng.exponential(0.3, len(label)))
        for number, (layer, n_units, shape) in enumerate(recipe.layers):
            writer.describe(
                layer_path(layer), {"order": number, "kind": "ReLU", "n_units": n_units, "spatial_shape": list(shape)}
            )
            shown |= _write_layer(writer, recipe, layer, n_units, shape, before, paths, rng)
        thumbnails = writer.create("/images/thumbnail", (len(paths),))
        for image in sorted(shown):
            put_bytes(thumbnails, image, _picture(titles[label[image]], rng))
        writer.finish(json.dumps(_provenance(recipe)))
    return path


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


def _write_frame(writer, recipe, *, folders, titles, paths, label, rng):
    writer.describe(
        "/model",
        {"spec": "made-up.py:build", "weights": "made up", "n_outputs": recipe.n_classes, "input_size": [3, 96, 96]},
    )
    if "state_dict" not in recipe.without:
        writer.write("/model/state_dict/features.0.weight", rng.normal(size=(4, 3, 3, 3)).astype("f4"))
    writer.write("/classes/name", folders)
    writer.write("/classes/title", titles)
    writer.write("/classes/output_index", np.arange(recipe.n_classes))
    writer.write("/images/path", paths)
    writer.write("/images/label", label)
    writer.write("/images/skipped/path", ["red_ball/broken.png"])
    writer.write("/images/skipped/reason", ["truncated file"])
    digest = list_hash(paths, [folders[c] for c in label])
    writer.describe("/images", {"root": "/made/up", "list_hash": digest})


def _write_layer(writer, recipe, layer, n_units, shape, before, paths, rng):
    preferred = rng.integers(0, before.n_classes, n_units)
    strength = rng.random(n_units) * 3
    drive = strength[:, None] * (before.label[None] == preferred[:, None]) + rng.normal(0, 0.7, (n_units, len(paths)))
    largest = np.maximum(drive, 0).astype("f4")
    largest[n_units - 1] = 0  # a dead unit
    mean = (largest * rng.uniform(0.2, 0.4, largest.shape)).astype("f4")
    writer.write(layer_path(layer, "activation/max"), largest)
    writer.write(layer_path(layer, "activation/mean"), mean)
    class_mean = selectivity.class_means(mean, before.label, before.n_classes)
    writer.write(layer_path(layer, "class_mean"), class_mean)
    index, best = selectivity.class_selectivity(class_mean)
    values = {"class_selectivity": index, "selective_class": best, "dead": dead(largest, mean)}
    values["l1_norm"] = rng.gamma(4, 8, n_units)
    kinds = ["zero"] if "mean ablation" in recipe.without else ["zero", "mean"]
    for kind in kinds:
        values |= _write_ablation(writer, recipe, layer, kind, largest, preferred, before, rng)
    rows = {row.name: row for row in MEASURES}
    if "measures" not in recipe.without:
        for name, value in values.items():
            writer.write(layer_path(layer, "measure", name), value)
            row = rows[name.removesuffix("_mean")]
            facts = {fact: getattr(row, fact) for fact in ("label", "formula", "source", "range", "better")}
            writer.describe(layer_path(layer, "measure", name), facts)
    return _write_exemplars(writer, recipe, layer, shape, largest, mean, paths, rng)


def _write_ablation(writer, recipe, layer, kind, largest, preferred, before, rng):
    n_units = len(largest)
    chance = 0.01 + 0.25 * (before.label[None] == preferred[:, None]) * (rng.random(n_units)[:, None] > 0.4)
    flips = (rng.random(largest.shape) < chance) & (largest > 0)
    unit, image = np.nonzero(flips)
    new = (before.prediction[image] + rng.integers(1, before.n_classes, len(image))) % before.n_classes
    base = layer_path(layer, "ablation", kind)
    writer.write(f"{base}/flip/indptr", np.r_[0, np.cumsum(flips.sum(axis=1))])
    writer.write(f"{base}/flip/image", image)
    writer.write(f"{base}/flip/prediction", new)
    correct = drops.correct_without(unit, image, new, n_units, before)
    drop = drops.class_drops(before.correct, correct, before.count)
    writer.write(f"{base}/correct", correct)
    writer.write(f"{base}/drop", drop)
    if "log_prob_change" not in recipe.without:
        writer.write(f"{base}/log_prob_change", -rng.exponential(0.05, largest.shape) - flips)
    worst, where = drops.max_class_drop(drop)
    suffix = "" if kind == "zero" else f"_{kind}"
    return {
        f"overall_drop{suffix}": drops.overall_drop(before.correct, correct, before.count),
        f"max_class_drop{suffix}": worst,
        f"max_class_drop_class{suffix}": where,
    }


def _write_exemplars(writer, recipe, layer, shape, largest, mean, paths, rng):
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
        writer.write(f"{base}/image", image)
        writer.write(f"{base}/value", value)
        writer.write(f"{base}/tied", [tied for _, tied in chosen])
        writer.write(f"{base}/map", value[..., None, None] * bump)
        shown |= set(image.ravel().tolist())
    if "attribution" not in recipe.without:
        _write_attribution(writer, layer, len(largest), rng)
    return shown


def _write_attribution(writer, layer, n_units, rng):
    y, x = np.mgrid[0:96, 0:96] / 96
    for method in ("gradient", "integrated_gradients"):
        centre = rng.uniform(0.3, 0.7, (2, n_units, 6, 1, 1))
        bump = np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / 0.02)
        noise = rng.normal(size=bump.shape)
        writer.write(layer_path(layer, "attribution", method, "map"), 0.05 * bump * noise)
    for method in ("deconvolution", "guided_backpropagation"):
        reason = "a functional ReLU lies between the input and this layer, which Captum cannot rewrite"
        writer.describe(layer_path(layer, "attribution", method), {"left_out": reason})


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
