"""Dissection of small networks, held to counting positions one by one, and to concepts that were planted."""

import json
import math
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from precompute.__main__ import main
from precompute.experiments.dissection import N_SHUFFLES
from precompute.experiments.dissection.concept_overlays import N_EXEMPLARS, OWN_BIT
from precompute.measures.rotation import random_rotation
from precompute.models.load import load_model
from precompute.store.check import check
from precompute.store.reader import open_store

QUANTILE = 0.05
PARTS = {"colour": {"1": "red", "2": "blue"}, "shape": {"1": "ball", "4": "star"}}
CONCEPTS = ["red", "blue", "ball", "star"]
CATEGORY = [0, 0, 1, 1]
# Cells of these layers are centred on pixels 2 i + 0.5: a pool of two pixels, and kernels of three with padding.
LAYERS = {"features.4": 8, "signed": 5}


def write_masks(root, images):
    """Write boxes of parts at random, for two images of three."""
    rng = np.random.default_rng(1)
    for path in sorted(images.glob("*/*.png"))[::3] + sorted(images.glob("*/*.png"))[1::3]:
        for category, names in PARTS.items():
            if rng.random() < 0.2:
                continue
            pixels = np.zeros((16, 16), np.uint8)
            for number in names:
                top, left = rng.integers(0, 12, 2)
                pixels[top : top + 6, left : left + 4] = int(number) if rng.random() < 0.8 else 0
            file = root / images.name / path.parent.name / f"{path.stem}-{category}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(file)
    (root / "parts.json").write_text(json.dumps(PARTS))
    return root


@pytest.fixture(scope="module")
def masks(real_job, tmp_path_factory):
    return write_masks(tmp_path_factory.mktemp("marked") / "masks", real_job[1])


@pytest.fixture(scope="module")
def done(experimented, masks):
    """The store with its dissection, as the command line makes it."""
    return experimented("dissection", "--masks", masks, "--quantile", QUANTILE)


@pytest.fixture(scope="module")
def found(done):
    return dict(done.experiment("dissection"))


# The slow twin


@pytest.fixture(scope="module")
def marks(done, masks, real_job):
    """Image -> concept -> set of (row, column), for images with any mask; and image -> categories that have a label."""
    places, categories = {}, {}
    for image, path in enumerate(done.images.path):
        for index, (category, names) in enumerate(PARTS.items()):
            file = masks / real_job[1].name / path.replace(".png", f"-{category}.png")
            if not file.exists():
                continue
            pixels = np.asarray(Image.open(file))
            mine = places.setdefault(image, {})
            for number, name in names.items():
                mine[CONCEPTS.index(name)] = {
                    (int(y), int(x)) for y, x in zip(*np.nonzero(pixels == int(number)), strict=True)
                }
            if pixels.any():
                categories.setdefault(image, set()).add(index)
    return places, categories


def maps_of(real_job, store, layer):
    model, seen = load_model(real_job[0], None), []
    model.network.get_submodule(layer).register_forward_hook(
        lambda module, inputs, output: seen.append(output[0].numpy())
    )
    with torch.no_grad():
        for path in store.images.path:
            model.network(model.transform(Image.open(real_job[1] / path).convert("RGB"))[None])
    return seen


def slow_threshold(values):
    allowed = QUANTILE * len(values)
    smallest = min(a for a in values if sum(b > a for b in values) <= allowed)
    return smallest if 0 < smallest < max(values) else math.nan


def slow_value(grid, y, x):
    """The map at a pixel, between the four cells around it."""
    rows, columns = grid.shape
    down = min(max((y - 0.5) / 2, 0), rows - 1)
    right = min(max((x - 0.5) / 2, 0), columns - 1)
    top, left = min(int(down), rows - 2), min(int(right), columns - 2)
    a, b = down - top, right - left
    return (1 - a) * ((1 - b) * grid[top, left] + b * grid[top, left + 1]) + a * (
        (1 - b) * grid[top + 1, left] + b * grid[top + 1, left + 1]
    )


def slow_iou(active, order, marked, labelled):
    """Intersection over union of every concept, image by image of one order with the masks of another."""
    found = []
    for concept, category in enumerate(CATEGORY):
        both = union = size = 0
        for image, other in zip(order, marked, strict=True):
            if category in labelled[1].get(other, ()):
                there = labelled[0][other].get(concept, set())
                size += len(there)
                both += len(active[image] & there)
                union += len(active[image] | there)
        found.append(both / union if size else math.nan)
    return found


@pytest.mark.parametrize("layer", LAYERS)
def test_every_number_is_that_of_counting_pixels(real_job, done, found, marks, layer):
    maps = maps_of(real_job, done, layer)
    used = sorted(marks[0])
    order = np.random.default_rng(5).permutation(used)
    for unit in range(LAYERS[layer]):
        threshold = slow_threshold([float(value) for image in used for value in maps[image][unit].ravel()])
        np.testing.assert_allclose(found[f"layers/{layer}/threshold"][unit], threshold, rtol=1e-4)
        if math.isnan(threshold):
            assert np.isnan(found[f"layers/{layer}/iou"][unit]).all()
            assert np.isnan(found[f"layers/{layer}/chance"][:, unit]).all()
            continue
        threshold = float(found[f"layers/{layer}/threshold"][unit])
        active = {
            image: {(y, x) for y in range(16) for x in range(16) if slow_value(maps[image][unit], y, x) > threshold}
            for image in used
        }
        np.testing.assert_allclose(found[f"layers/{layer}/iou"][unit], slow_iou(active, used, used, marks), atol=1e-6)
        for shuffle in (0, 1, N_SHUFFLES - 1):
            others = np.roll(order, -1 - shuffle % (len(order) - 1))
            chance = np.nanmax(slow_iou(active, order, others, marks))
            np.testing.assert_allclose(found[f"layers/{layer}/chance"][shuffle, unit], chance, atol=1e-6)
    assert np.isnan(found[f"layers/{layer}/iou"]).sum() <= len(CONCEPTS)


def test_directions_of_random_rotations_are_held_against_concepts_alike(real_job, done, found, marks):
    layer, used = "features.4", sorted(marks[0])
    maps = maps_of(real_job, done, layer)
    for rotation in (0, 4):
        direction = random_rotation(8, seed=5 + rotation)[3].astype(np.float32)
        seen = {image: np.tensordot(direction, maps[image], axes=1) for image in used}
        threshold = slow_threshold([float(value) for image in used for value in seen[image].ravel()])
        active = {
            image: {(y, x) for y in range(16) for x in range(16) if slow_value(seen[image], y, x) > threshold}
            for image in used
        }
        iou = slow_iou(active, used, used, marks)
        np.testing.assert_allclose(found[f"layers/{layer}/rotated_iou"][rotation, 3], np.nanmax(iou), atol=5e-3)
        assert found[f"layers/{layer}/rotated_concept"][rotation, 3] == np.nanargmax(iou)


def test_concepts_and_images_are_said(done, found, marks, masks, real_job):
    assert list(found["concept"]) == CONCEPTS
    assert list(found["category"]) == ["colour", "colour", "shape", "shape"]
    assert list(found["folder"]) == [str(real_job[1]), str(masks)]
    assert set(np.flatnonzero(found["used"])) == set(marks[0])
    for concept in range(4):
        size = sum(len(mine.get(concept, ())) for mine in marks[0].values())
        np.testing.assert_allclose(found["share"][concept], size / (256 * len(marks[0])), rtol=1e-5)
        assert found["n_images"][concept] == sum(bool(mine.get(concept)) for mine in marks[0].values())


def test_the_best_concept_is_a_measure(done, found):
    for layer in LAYERS:
        measures, iou = done.layer(layer).measures, found[f"layers/{layer}/iou"]
        np.testing.assert_array_equal(measures["concept_iou"].values, iou.max(axis=1))
        known = ~np.isnan(iou[:, 0])
        np.testing.assert_array_equal(measures["concept"].values[known], iou[known].argmax(axis=1))
        assert np.isnan(measures["concept"].values[~known]).all()
        assert measures["concept"].experiment == "dissection"


def test_small_masks_show_concepts_and_the_unit_on_exemplars(real_job, done, found, marks):
    layer = "features.4"
    maps, base = maps_of(real_job, done, layer), f"layers/{layer}"
    for unit in range(LAYERS[layer]):
        exemplars = done.layer(layer).exemplars("top", unit).image[:N_EXEMPLARS]
        ranked = found[f"{base}/shown_concept"][unit]
        iou = found[f"{base}/iou"][unit]
        assert ranked[0] == (-1 if np.isnan(iou).all() else np.argmax(iou))
        for image, bits in zip(exemplars, found[f"{base}/shown_mask"][unit], strict=True):
            assert bits.shape == (16, 16)
            for rank, concept in enumerate(ranked):
                shown = {(int(y), int(x)) for y, x in zip(*np.nonzero(bits >> rank & 1), strict=True)}
                assert shown == (marks[0].get(image, {}).get(concept, set()) if concept >= 0 else set())
            own = np.array([[slow_value(maps[image][unit], y, x) for x in range(16)] for y in range(16)])
            assert ((own > found[f"{base}/threshold"][unit]) == (bits >> OWN_BIT & 1)).mean() > 0.98


def test_the_store_passes_its_check(done):
    assert check(done.path) == []


# Concepts that were planted

PLANTED = """
import numpy as np
import torch
from torch import nn


def transform(picture):
    return torch.from_numpy(np.asarray(picture, dtype=np.float32) / 255).permute(2, 0, 1)


def build():
    torch.manual_seed(0)
    detect = nn.Conv2d(3, 4, 3, padding=1)
    with torch.no_grad():
        detect.weight.zero_()
        detect.bias.zero_()
        detect.weight[0, :, 1, 1] = torch.tensor([1.0, -0.5, -0.5])
        detect.weight[1, :, 1, 1] = torch.tensor([-0.5, -0.5, 1.0])
        detect.weight[2] = torch.tensor([-1.0, 0.0, 1.0])[None, None]
        detect.weight[3, :, 0, 0] = 0.1
    network = nn.Sequential()
    network.add_module("detect", detect)
    network.add_module("relu", nn.ReLU())
    network.add_module("pool", nn.AdaptiveAvgPool2d(1))
    network.add_module("flat", nn.Flatten())
    network.add_module("last", nn.Linear(4, 2))
    return network.eval(), transform
"""


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A network whose first units are, by their weights, detectors of red, blue and edges, and pictures of these."""
    folder = tmp_path_factory.mktemp("planted")
    (folder / "network.py").write_text(PLANTED)
    rng = np.random.default_rng(0)
    names = {"colour": {"1": "red", "2": "blue"}, "mark": {"1": "cross"}}
    for image in range(60):
        pixels = rng.integers(90, 130, (24, 24, 3)).astype(np.uint8)
        colour, mark = np.zeros((24, 24), np.uint8), np.zeros((24, 24), np.uint8)
        for number, tint in ((1, 0), (2, 2)):
            top, left = rng.integers(0, 18), rng.integers(12 * (number - 1), 12 * (number - 1) + 6)
            pixels[top : top + 6, left : left + 6] = rng.integers(0, 60, (6, 6, 3))
            pixels[top : top + 6, left : left + 6, tint] = rng.integers(180, 256, (6, 6))
            colour[top : top + 6, left : left + 6] = number
        mark[rng.integers(24)] = mark[:, rng.integers(24)] = 1
        place = f"{'ab'[image % 2]}/{image:02d}"
        for path, content in (
            (f"val/{place}", pixels),
            (f"masks/val/{place}-colour", colour),
            (f"masks/val/{place}-mark", mark),
        ):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(content).save(folder / f"{path}.png")
    (folder / "masks/parts.json").write_text(json.dumps(names))
    words = ["run", f"{folder / 'network.py'}:build", "--images", folder / "val", "--layer", "relu", "--layer", "flat"]
    more = ["--out", folder / "store.h5", "--workers", "0", "--attribution", "none", "--top-k", "3"]
    assert main([*map(str, words), *map(str, more)]) == 0
    # Red covers 36 of 576 positions of every picture.
    assert main(["experiment", "dissection", str(folder / "store.h5"), "--quantile", "0.0625"]) == 0
    return folder


def test_a_colour_detector_detects_its_colour_and_no_other_unit_does(planted):
    with open_store(planted / "store.h5") as store:
        found = store.experiment("dissection")
        iou, chance = found["layers/relu/iou"], found["layers/relu/chance"]
        assert list(found["concept"]) == ["red", "blue", "cross"]
        assert iou[0, 0] > 0.95
        assert iou[1, 1] > 0.95
        assert iou[0, 1:].max() < 0.05
        assert max(iou[1, 0], iou[1, 2]) < 0.05
        assert (iou[2:] < 0.3).all()
        # Two units are far above what chance gives; one that sees only grey noise is not.
        assert (iou[:2].max(axis=1) > 4 * chance[:, :2].max(axis=0)).all()
        assert iou[3, 2] < 1.25 * chance[:, 3].max()
        measures = store.layer("relu").measures
        assert measures["concept"].values[:2].tolist() == [0, 1]


def test_a_layer_without_space_is_active_on_whole_images(planted):
    with open_store(planted / "store.h5") as store:
        found = store.experiment("dissection")
        threshold, iou = (found[f"layers/flat/{part}"] for part in ("threshold", "iou"))
        for unit in range(2):
            active = store.layer("flat").activation(unit).max > threshold[unit]
            assert active.sum() == int(0.0625 * 60)
            sizes = np.zeros((2, 60))
            for image, path in enumerate(store.images.path):
                pixels = np.asarray(Image.open(planted / "masks/val" / path.replace(".png", "-colour.png")))
                sizes[:, image] = (pixels == 1).sum(), (pixels == 2).sum()
            for concept, size in enumerate(sizes):
                expected = size[active].sum() / (576 * active.sum() + size[~active].sum())
                np.testing.assert_allclose(iou[unit, concept], expected, rtol=1e-5)


def test_one_marked_image_is_too_few(planted, tmp_path, capsys):
    masks = tmp_path / "masks"
    (masks / "a").mkdir(parents=True)
    shutil.copy(planted / "masks/val/a/00-colour.png", masks / "a/00-colour.png")
    shutil.copy(planted / "masks/parts.json", masks)
    path = shutil.copy(planted / "store.h5", tmp_path / "store.h5")
    assert main(["experiment", "dissection", str(path), "--masks", str(masks)]) == 1
    assert "masks of at least 2 images" in capsys.readouterr().err


def test_labels_in_brodens_layout_are_looked_for_in_their_own_pictures(planted, tmp_path, capsys):
    root = tmp_path / "broden"
    (root / "images").mkdir(parents=True)
    rows = ["image,split,ih,iw,sh,sw,color,scene"]
    for image, path in enumerate(sorted((planted / "val").glob("*/*.png"))):
        shutil.copy(path, root / f"images/{image}.png")
        labels = np.asarray(Image.open(planted / "masks/val" / path.parent.name / f"{path.stem}-colour.png"))[::2, ::2]
        codes = np.choose(labels, [0, 300, 2]).astype(np.int64)
        coded = np.stack([codes % 256, codes // 256, 0 * codes], axis=2).astype(np.uint8)
        Image.fromarray(coded).save(root / f"images/{image}_color.png")
        rows.append(f"{image}.png,train,24,24,12,12,{image}_color.png,{7 + image % 2}")
    (root / "index.csv").write_text("\n".join(rows))
    labels = ["number,name,category,frequency,coverage,syns", "300,red-c,color(60),60,1,", "2,blue-c,color(60),60,1,"]
    (root / "label.csv").write_text("\n".join([*labels, "7,street-s,scene(30),30,1,", "8,attic-s,scene(30),30,1,"]))
    path = shutil.copy(planted / "store.h5", tmp_path / "store.h5")
    assert main(["experiment", "dissection", str(path), "--masks", str(root), "--quantile", "0.0625"]) == 0
    assert f"{root}/images, which are not the store's" in capsys.readouterr().out
    with open_store(path) as store:
        found = store.experiment("dissection")
        assert list(found["concept"]) == ["blue-c", "red-c", "street-s", "attic-s"]
        assert list(found["folder"]) == [str(root / "images"), str(root)]
        assert found["layers/relu/iou"][0].argmax() == 1
        assert found["layers/relu/iou"][0, 1] > 0.6
        assert found["layers/relu/iou"][1, 0] > 0.6
        assert not {"used", "layers/relu/shown_mask"} & set(found)
    assert check(path) == []


# Bounds and refusals


def test_little_time_means_fewer_images_and_says_so(planted, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("precompute.experiments.dissection._FEWEST", 12)
    path = shutil.copy(planted / "store.h5", tmp_path / "store.h5")
    assert main(["experiment", "dissection", str(path), "--max-minutes", "1e-9"]) == 0
    assert "12 of the 60 annotated images are used" in capsys.readouterr().out
    with open_store(path) as store:
        found = store.experiment("dissection")
        assert found["used"].sum() == 12
        assert "12 of the 60" in found.facts["reduced"]


def test_images_of_each_class_can_be_bounded(planted, tmp_path):
    path = shutil.copy(planted / "store.h5", tmp_path / "store.h5")
    assert main(["experiment", "dissection", str(path), "--images-per-class", "4"]) == 0
    with open_store(path) as store:
        used = store.experiment("dissection")["used"]
        assert [used[store.images.label == c].sum() for c in range(2)] == [4, 4]


def test_images_without_masks_beside_them_are_told_how_to_have_some(job_store, capsys):
    assert main(["experiment", "dissection", str(job_store)]) == 1
    assert "no folder masks with a parts.json beside" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_refused(job_store, tmp_path, capsys):
    assert main(["experiment", "dissection", str(job_store), "--masks", str(tmp_path / "none")]) == 1
    assert "there is no such folder" in capsys.readouterr().err


@pytest.mark.parametrize("quantile", ["0", "1", "-0.1"])
def test_a_quantile_that_is_no_share_is_refused(job_store, quantile, capsys):
    assert main(["experiment", "dissection", str(job_store), f"--quantile={quantile}"]) == 1
    assert "--quantile must be" in capsys.readouterr().err
