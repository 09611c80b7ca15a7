"""The demo and its variants, with few pictures and no training."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import precompute.models.demo as network
from precompute import demo
from precompute.__main__ import main
from precompute.images.demo import DEMO_CLASSES
from precompute.images.drawing.scenes import RECIPES, draw_scene
from precompute.models.load import load_model
from precompute.store.check import check
from precompute.store.reader import open_store

NAMES = ("demo.h5", "demo-batch-norm.h5", "demo-no-dropout.h5")


def draw(root, *, seed, progress):
    """Draw one picture of each class."""
    for split in ("train", "val"):
        for number, (name, _) in enumerate(DEMO_CLASSES):
            (root / split / name).mkdir(parents=True)
            picture = draw_scene(RECIPES[number], np.random.default_rng(seed)).developed()
            Image.fromarray(picture).save(root / split / name / "0000.png")


def train(train_root, val_root, *, seed, batch_norm, dropout, progress):
    built = network.build_demo_network(seed=seed, batch_norm=batch_norm, dropout=dropout)
    return network.TrainingResult(built, 0.5, 1.0)


@pytest.fixture(scope="module", autouse=True)
def quick():
    """Leave out what takes long: most pictures, training and attribution."""
    carry_out = demo.carry_out
    less = {"attribution": (), "workers": 0, "top_k": 2}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "draw_demo_images", draw)
        patch.setattr(demo, "is_drawn", lambda root, *, seed: root.exists())
        patch.setattr(network, "train_demo_network", train)
        patch.setattr(network, "LAST_LAYERS", ("features.10",))
        patch.setattr(demo, "carry_out", lambda options, **more: carry_out(replace(options, **less), **more))
        yield


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with all variants, as the command line makes them."""
    folder = tmp_path_factory.mktemp("variants") / "runs"
    assert main(["demo", "--variants", "--out", str(folder / "demo.h5")]) == 0
    return folder


@pytest.fixture
def runs(built, tmp_path):
    return shutil.copytree(built, tmp_path / "runs")


@pytest.fixture
def asked(monkeypatch):
    """Which variants are built, in place of building them."""
    functions = []
    monkeypatch.setattr(demo, "build_demo", lambda out, *, variant, **_: functions.append(variant.function))
    return functions


@pytest.mark.long
def test_variants_are_three_whole_stores_on_the_same_pictures(built):
    assert {path.name for path in built.glob("*.h5")} == set(NAMES)
    hashes = set()
    for name in NAMES:
        assert check(built / name) == []
        with open_store(built / name) as store:
            hashes.add(store.images.list_hash)
            state = load_model(store.model.spec, store.model.weights).network.state_dict()
            assert any("running_mean" in key for key in state) == ("batch-norm" in name)
            for key, values in store.state_dict().items():
                np.testing.assert_array_equal(values, state[key].numpy())
    assert len(hashes) == 1


def test_the_plain_network_is_the_one_that_ships_and_can_be_trained_anew(built, tmp_path, capsys):
    def weights(folder):
        return torch.load(folder / "demo-network.pt", weights_only=True)

    shipped = torch.load(network.SHIPPED_WEIGHTS, weights_only=True)
    assert network.SHIPPED_WEIGHTS.stat().st_size < 2e6
    assert all(torch.equal(values, weights(built)[name]) for name, values in shipped.items())
    shutil.copytree(built / "demo-images", tmp_path / "demo-images")
    assert main(["demo", "--train", "--out", str(tmp_path / "demo.h5")]) == 0
    assert "Trained to" in capsys.readouterr().out
    assert not torch.equal(shipped["features.0.weight"], weights(tmp_path)["features.0.weight"])


def test_what_is_there_and_whole_is_not_made_again(runs, asked, capsys):
    (runs / NAMES[1]).write_bytes(b"cut short")
    assert main(["demo", "--variants", "--out", str(runs / "demo.h5")]) == 0
    assert asked == ["build_batch_norm"]
    told = capsys.readouterr().out
    assert f"{runs / NAMES[0]} is there and whole" in told
    assert "To make: demo-batch-norm.h5, one network" in told


def test_the_cost_is_told_before_anything_is_made(tmp_path, monkeypatch, capsys):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "build_demo", stop)
    assert main(["demo", "--variants", "--out", str(tmp_path / "demo.h5")]) == 130
    told = capsys.readouterr()
    assert "Estimated on two quiet cores: 4 min, 96.0 MB" in told.out
    assert "stopped; what is whole is kept" in told.err


def test_stores_of_another_seed_are_made_anew(runs, asked):
    assert main(["demo", "--variants", "--seed", "1", "--out", str(runs / "demo.h5")]) == 0
    assert len(asked) == 3


@pytest.mark.parametrize("variant", demo.VARIANTS, ids=lambda variant: variant.function)
def test_a_variants_model_is_the_network_that_is_trained(variant):
    built = load_model(variant.model, None).network
    same = network.build_demo_network(batch_norm=variant.batch_norm, dropout=variant.dropout)
    assert str(built) == str(same)
    assert any(isinstance(module, nn.BatchNorm2d) for module in built.modules()) == variant.batch_norm


def test_a_demo_in_place_of_a_folder_is_refused_before_anything_is_drawn(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for out in (".", "/", str(tmp_path)):
        assert main(["demo", "--out", out]) == 1
        assert f"{out} is a folder; a store would replace it" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
