"""Roles in networks in which they were planted, and where the effects come from."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from precompute.__main__ import main
from precompute.images.copies import copy_conditions
from precompute.images.folder import list_images
from precompute.measures.roles import CERTAIN, ROLES, LogOddsLosses, log_odds_effects_by_unit, log_odds_loss, roles
from precompute.store.check import check
from precompute.store.reader import open_store

PLANTED = '''
"""Units that see the tint of a class, a mark of its training images, one of its others; useless and harmful ones."""

import numpy as np
import torch
from torch import nn

ROWS = ("tint", "trained", "held", "noise", "harm")


class Planted(nn.Module):
    def __init__(self):
        super().__init__()
        self.units = nn.Sequential(nn.Linear(192, 15), nn.ReLU())
        self.classes = nn.Linear(15, 3, bias=False)
        weight, out = torch.zeros(15, 3, 8, 8), torch.zeros(3, 15)
        for c in range(3):
            weight[c, c] = 1 / 16
            for row, place in ((1, (0, c)), (2, (7, c)), (4, (0, c)), (4, (7, c))):
                weight[3 * row + c, :, place[0], place[1]] = 1 / 3
            out[c, [c, 3 + c, 6 + c]] = 1.0
            out[(c + 1) % 3, 12 + c] = 0.4
        weight[9:12] = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(1)) / 96
        with torch.no_grad():
            self.units[0].weight.copy_(weight.flatten(1))
            self.units[0].bias.copy_(torch.tensor([1.0] * 3 + [0.0] * 12))
            self.classes.weight.copy_(out)

    def forward(self, x):
        return self.classes(self.units(x.flatten(1)))


def transform(picture):
    return torch.from_numpy(np.asarray(picture, dtype=np.float32) / 127.5 - 1).permute(2, 0, 1)


def build():
    return Planted().eval(), transform
'''

ROLE_OF = ("helps both", "helps training only", "helps held-out only", "helps neither", "helps neither")
"""Of the planted units for all classes, three of each kind."""


def planted_images(root, row, *, per_class, seed):
    """Write dark noise with the tint of the class, and its mark: a bright pixel in this row."""
    rng = np.random.default_rng(seed)
    for c, name in enumerate(("ants", "bees", "cats")):
        (root / name).mkdir(parents=True)
        for image in range(per_class):
            pixels = rng.integers(20, 120, (8, 8, 3))
            pixels[..., c] += 60
            pixels[[0, 7], :3] = 0
            pixels[row, c] = 255
            Image.fromarray(pixels.astype(np.uint8)).save(root / name / f"{image:02d}.png")
    return root


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A network with planted roles, and the store of a run with training images."""
    folder = tmp_path_factory.mktemp("planted")
    (folder / "planted.py").write_text(PLANTED)
    train = planted_images(folder / "train", 0, per_class=30, seed=1)
    val = planted_images(folder / "val", 7, per_class=24, seed=2)
    words = ["run", f"{folder}/planted.py:build", "--images", val, "--train-images", train, "--layer", "units"]
    more = ["--out", folder / "store.h5", "--ablation", "zero", "--ablation", "mean", "--attribution", "none"]
    assert main([*map(str, [*words, *more]), "--top-k", "1", "--workers", "0"]) == 0
    return folder


@pytest.fixture
def copy(planted, tmp_path):
    return Path(shutil.copy(planted / "store.h5", tmp_path / "store.h5"))


def added(path, *words):
    assert main(["experiment", "roles", str(path), *map(str, words)]) == 0
    with open_store(path) as store:
        return dict(store.experiment("roles")), store.experiment("roles").facts


@pytest.fixture(scope="module")
def found(planted, tmp_path_factory):
    """What the experiment finds with the store alone."""
    path = Path(shutil.copy(planted / "store.h5", tmp_path_factory.mktemp("found") / "store.h5"))
    arrays, _ = added(path)
    assert check(path) == []
    return arrays


ZERO = "layers/units/ablation/zero"


def test_planted_roles_are_found(found):
    code = found[f"{ZERO}/unit_role"].reshape(5, 3)
    for row, role in zip(code, ROLE_OF, strict=True):
        assert [ROLES[each] for each in row] == [role] * 3


def test_planted_roles_are_found_for_the_class_that_they_are_about(found):
    code = found[f"{ZERO}/role"].reshape(5, 3, 3)
    for kind, role in enumerate(ROLE_OF):
        assert [ROLES[code[kind, c, c]] for c in range(3)] == [role] * 3


def test_halves_of_the_same_images_give_no_role_on_one_of_them(found):
    for name in ("control_role", "unit_control_role"):
        assert not np.isin(found[f"{ZERO}/{name}"], (2, 3)).any()
    assert (found[f"{ZERO}/unit_control_role"][6:9] == 1).all()  # the mark is on both halves


def test_effects_are_means_over_images_of_the_fall_of_the_odds(planted, found):
    with open_store(planted / "store.h5") as store:
        for side, name in ((store.train, "training"), (store, "held_out")):
            layer, label = side.layer("units"), side.images.label
            before = np.exp(side.baseline.log_prob.astype(float)).clip(CERTAIN, 1 - CERTAIN)
            for unit in range(layer.n_units):
                change = layer.log_prob_change("zero", unit).astype(float)
                after = np.exp(side.baseline.log_prob + change).clip(CERTAIN, 1 - CERTAIN)
                fall = np.log(before / (1 - before)) - np.log(after / (1 - after))
                means = [fall[label == c].mean() for c in range(3)]
                errors = [fall[label == c].std(ddof=1) / np.sqrt((label == c).sum()) for c in range(3)]
                np.testing.assert_allclose(found[f"{ZERO}/{name}"][unit], means, atol=1e-4)
                np.testing.assert_allclose(found[f"{ZERO}/{name}_error"][unit], errors, atol=1e-4)
                np.testing.assert_allclose(found[f"{ZERO}/unit_{name}"][unit], np.mean(means), atol=1e-4)
            right = [(side.baseline.prediction == label)[label == c].mean() for c in range(3)]
            np.testing.assert_allclose(found[f"{name}_accuracy"], right)
            np.testing.assert_array_equal(found[f"{name}_images"], np.bincount(label))


def test_a_folder_of_training_images_gives_what_the_store_holds_of_them(planted, copy, found):
    again, facts = added(copy, "--train-images", planted / "train", "--device", "cpu")
    for name, values in again.items():
        np.testing.assert_allclose(values, found[name], atol=2e-3, err_msg=name)
    assert "reduced" not in facts
    assert check(copy) == []


def test_effects_join_the_measures_of_the_layer(copy):
    arrays, _ = added(copy)
    with open_store(copy) as store:
        held = store.layer("units").measures
        for kind, suffix in (("zero", ""), ("mean", "_mean")):
            base = f"layers/units/ablation/{kind}"
            gap = arrays[f"{base}/unit_training"] - arrays[f"{base}/unit_held_out"]
            np.testing.assert_allclose(held[f"effect_gap{suffix}"].values, gap, atol=1e-6)
            np.testing.assert_array_equal(held[f"training_effect{suffix}"].values, arrays[f"{base}/unit_training"])
            assert held[f"held_out_effect{suffix}"].experiment == "roles"


def test_fewer_images_of_each_class_can_be_asked_for(planted, copy):
    for more in ((), ("--train-images", planted / "train")):
        arrays, _ = added(copy, "--images-per-class", 10, *more)
        assert arrays["training_images"].tolist() == [10, 10, 10]
        assert arrays["held_out_images"].tolist() == [10, 10, 10]


def test_a_sweep_that_would_take_too_long_takes_fewer_images_and_says_so(planted, copy, capsys):
    arrays, facts = added(copy, "--train-images", planted / "train", "--max-minutes", "1e-7")
    assert arrays["training_images"].tolist() == [10, 10, 10]
    assert "10 training images of each class are swept" in facts["reduced"]
    assert facts["reduced"] in capsys.readouterr().out


def test_several_devices_are_told_that_nothing_is_swept_where_the_store_holds_training_images(copy, found, capsys):
    arrays, _ = added(copy, "--device", "cpu,cpu")
    assert "--device cpu,cpu has no effect: the store holds what is needed" in capsys.readouterr().out
    np.testing.assert_array_equal(arrays["training_images"], found["training_images"])


def test_copies_among_named_training_images_are_told_as_a_run_tells_them(planted, copy, tmp_path, capsys):
    train = Path(shutil.copytree(planted / "train", tmp_path / "train"))
    shutil.copy(planted / "val" / "bees" / "03.png", train / "bees" / "98.png")
    shutil.copy(train / "ants" / "01.png", train / "ants" / "99.png")
    _, facts = added(copy, "--train-images", train, "--device", "cpu")
    told = facts["conditions"].split("\n")
    assert told == list(copy_conditions(list_images(planted / "val"), list_images(train), of_training_alone=True))
    assert told[0].startswith("1 training image is a copy, byte for byte, of an image of the same class: ants/99.png")
    assert told[1].startswith(
        "1 training image is a copy, byte for byte, of an image of the run: bees/98.png is bees/03"
    )
    printed = capsys.readouterr().out
    assert all(sentence in printed for sentence in told)
    assert check(copy) == []


def test_a_file_that_trains_for_two_classes_is_refused(planted, copy, tmp_path, capsys):
    train = Path(shutil.copytree(planted / "train", tmp_path / "train"))
    (train / "bees" / "98.png").symlink_to(train / "ants" / "01.png")
    before = copy.read_bytes()
    assert main(["experiment", "roles", str(copy), "--train-images", str(train)]) == 1
    assert "the same file is an image of two classes" in capsys.readouterr().err
    assert copy.read_bytes() == before


def test_training_images_that_cannot_be_read_are_left_out(planted, copy, tmp_path):
    train = Path(shutil.copytree(planted / "train", tmp_path / "train"))
    for image in range(4):
        (train / "bees" / f"{image:02d}.png").write_bytes(b"nothing")
    assert added(copy, "--train-images", train)[0]["training_images"].tolist() == [30, 26, 30]


def test_a_class_whose_training_images_cannot_be_read_has_no_role(planted, copy, tmp_path):
    train = Path(shutil.copytree(planted / "train", tmp_path / "train"))
    for file in (train / "bees").iterdir():
        file.write_bytes(b"nothing")
    arrays, _ = added(copy, "--train-images", train)
    assert (arrays[f"{ZERO}/role"][:, 1] == 0).all()
    assert np.isnan(arrays[f"{ZERO}/training"][:, 1]).all()
    assert np.isfinite(arrays[f"{ZERO}/unit_training"]).all()
    assert check(copy) == []


@pytest.mark.parametrize("folder", ["val", "none", "other"])
def test_training_images_that_cannot_be_compared_are_refused(folder, planted, copy, tmp_path, capsys):
    (tmp_path / "other" / "dogs").mkdir(parents=True)
    (tmp_path / "other" / "dogs" / "0.png").write_bytes(b"")
    place = planted / "val" if folder == "val" else tmp_path / folder
    before = copy.read_bytes()
    assert main(["experiment", "roles", str(copy), "--train-images", str(place)]) == 1
    words = {"val": "not training images", "none": "no such folder", "other": "no ants, bees, cats and also dogs"}
    assert words[folder] in capsys.readouterr().err
    assert copy.read_bytes() == before


def test_a_store_without_training_images_says_where_to_name_them(job_store, capsys):
    assert main(["experiment", "roles", str(job_store)]) == 1
    assert "--train-images" in capsys.readouterr().err


# Memorising


def noise(seed, per_class):
    """Pictures of nothing, with labels by chance."""
    generator = torch.Generator().manual_seed(seed)
    label = torch.arange(4 * per_class) % 4
    return torch.rand(len(label), 192, generator=generator) * 2 - 1, label


def sides(network, per_class):
    """What each hidden unit is worth on the images learnt, and on others of the same kind."""
    found = []
    for seed, count in ((1, per_class), (2, 1000)):
        images, label = noise(seed, count)
        with torch.no_grad():
            hidden = network[:2](images)
            log_prob = network[2](hidden).log_softmax(1)[torch.arange(len(label)), label].numpy()
            rows = []
            for unit in range(hidden.shape[1]):
                without = hidden.clone()
                without[:, unit] = 0
                rows.append(network[2](without).log_softmax(1)[torch.arange(len(label)), label].numpy() - log_prob)
        fall = log_odds_loss(log_prob, np.stack(rows))
        found.append(log_odds_effects_by_unit(LogOddsLosses.of(fall, label.numpy(), 4), taking=np.ones(4, dtype=bool)))
    return found


def trained(n_steps, per_class):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(192, 24), nn.ReLU(), nn.Linear(24, 4))
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    images, label = noise(1, per_class)
    for _ in range(n_steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images), label).backward()
        optimizer.step()
    accuracy = float((network(images).argmax(1) == label).float().mean())
    return network.eval(), accuracy


def test_units_of_a_network_that_learnt_random_labels_by_heart_help_training_images_only():
    network, accuracy = trained(200, per_class=100)
    assert accuracy == 1
    found = roles(*sides(network, per_class=100))
    assert np.mean(found.code == 2) >= 0.5
    assert not np.isin(found.code, (1, 3)).any()


def test_units_of_a_network_that_learnt_nothing_have_no_role_on_one_set_only():
    network, _ = trained(0, per_class=100)
    assert not np.isin(roles(*sides(network, per_class=100)).code, (2, 3)).any()
