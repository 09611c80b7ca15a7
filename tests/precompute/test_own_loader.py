"""Files that are not pictures, read by a loader that the network's function returns."""

import numpy as np
import pytest

from precompute.errors import UnitscopeError
from precompute.experiments.options import ExperimentOptions
from precompute.experiments.runner import carry_out_all
from precompute.options import RunOptions
from precompute.run.pipeline import carry_out
from precompute.store.check import check
from precompute.store.experiments import registry
from precompute.store.reader import open_store
from tests.everyday import everyday
from tests.explorer.conftest import Page, put, runs, show  # noqa: F401  fixtures

NETWORKS = """
import sys
import numpy as np
import torch
from PIL import Image
from torch import nn


def network(n_channels):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(n_channels, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 5, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 3),
    ).eval()


class Odd(BaseException):
    pass


def odd(path):
    raise Odd("two\\nlines")


def last_fails(path):
    return sys.exit(0) if path.endswith("c2/3.npy") else np.load(path)


def coloured(path):
    return Image.fromarray((np.load(path)[:3] * 20 + 99).astype(np.uint8).transpose(1, 2, 0))


four = lambda: (network(4), lambda bands: torch.from_numpy(bands), np.load)
one = lambda: (network(1), None, lambda path: np.load(path)[:1].astype(">f8")[:, ::-1])
thirteen = lambda: (network(13), None, lambda path: torch.from_numpy(np.tile(np.load(path), (4, 1, 1))[:13]))
pictures = lambda: (network(3), None, coloured)
some = lambda: (network(4), None, last_fails)
exits = lambda: (network(4), None, lambda path: sys.exit(0))
raises = lambda: (network(4), None, odd)
transform_exits = lambda: (network(4), lambda bands: sys.exit(0), np.load)
whole = lambda: (network(4), None, lambda path: np.load(path).astype(int))
names = lambda: (network(4), None, lambda path: path)
sixteen = lambda: (network(3), None, lambda path: Image.fromarray(np.load(path)[0].astype(np.uint16)))
no_loader = lambda: (network(3), None, None)
too_many = lambda: (network(3), None, None, None)
no_function = lambda: (network(3), None, "np.load")
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run one of the networks over files of four bands; returns the store's path."""
    folder = tmp_path_factory.mktemp("bands")
    (folder / "nets.py").write_text(NETWORKS)
    rng = np.random.default_rng(0)
    for label in range(3):
        (folder / f"set/c{label}").mkdir(parents=True)
        for number in range(4):
            bands = rng.normal(size=(4, 16, 16)).astype(np.float32)
            bands[label] += 1
            np.save(folder / f"set/c{label}/{number}.npy", bands)

    def made(name, **options):
        out = folder / f"{name}.h5"
        if not out.exists():
            asked = RunOptions(
                model=f"{folder}/nets.py:{name}",
                images=folder / "set",
                layers=("0", "3"),
                out=out,
                top_k=4,
                attribution=("integrated_gradients",),
                allow_bad=True,
                **options,
            )
            carry_out(asked, command="test", say=lambda _: None)
        return out

    return made


CHANNELS = [("four", "first three of 4 channels"), ("one", "in grey"), ("thirteen", "first three of 13 channels")]


@pytest.mark.parametrize(("name", "shown"), everyday(CHANNELS, lambda name, _: name != "thirteen"))
def test_networks_of_any_number_of_channels_go_to_the_end(run, name, shown):
    assert check(run(name)) == []
    with open_store(run(name)) as store:
        assert any(shown in sentence for sentence in store.conditions)
        assert any("begin at an input of zeros" in sentence for sentence in store.conditions)
        assert store.provenance["decoding"] is None
        assert len(store.images) == 12


def test_arrays_of_any_byte_order_and_stride_are_the_input_itself(run):
    with open_store(run("one")) as store:
        found = np.asarray(store.layer("0").exemplars("top", 0).value)
    assert np.isfinite(found).all()


def test_a_loader_may_make_pictures_and_then_the_usual_transform_is_used(run):
    with open_store(run("pictures")) as store:
        assert "resized and scaled as usual" in store.provenance["transform"]
        assert not any("zeros" in sentence or "stretched" in sentence for sentence in store.conditions)


@pytest.fixture(scope="module")
def with_experiments(run):
    """The store of the first network with every experiment that can be, on few images; and why others cannot be."""
    said = []
    carry_out_all(run("four"), ExperimentOptions(max_minutes=0.01), command="test", say=said.append)
    return run("four"), [sentence for sentence in said if "is left out" in sentence]


def test_experiments_load_the_files_in_the_same_way(with_experiments):
    path, refused = with_experiments
    assert len(refused) == 2
    assert any("--train-images" in sentence for sentence in refused)
    assert any("Expected masks of concepts" in sentence for sentence in refused)
    with open_store(path) as store:
        assert set(store.experiments) == set(registry.NAMES) - {"roles", "dissection"}
    assert check(path) == []


@pytest.mark.parametrize("page", ["overview", "layer", "unit", "experiments"])
def test_every_page_opens_on_a_store_without_pictures(with_experiments, runs, show, page):  # noqa: F811
    put(with_experiments[0], runs)
    shown: Page = show(page, store="demo", layer="3")
    assert "us-alert" not in shown.words or page == "overview"


def test_a_file_that_the_loader_fails_on_is_skipped_with_the_reason(run):
    with open_store(run("some")) as store:
        assert store.images.skipped == (("c2/3.npy", "the loader failed: SystemExit: 0"),)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("exits", r"c0/0\.npy: the loader failed: SystemExit: 0"),
        ("raises", r"the loader failed: Odd: two\)"),
        ("transform_exits", "transform failed with SystemExit: 0.*what the loader returns"),
        ("whole", "the loader has to return floating-point numbers, but it gave a ndarray of int64"),
        ("names", "the loader has to return floating-point numbers, but it gave a str"),
        ("sixteen", "a picture in mode I;16 needs a transform"),
        ("no_loader", "not an image in a known format.*let the function of MODEL return a loader"),
        ("too_many", "must return an nn.Module or .* but it returned Sequential, NoneType, NoneType, NoneType"),
        ("no_function", "but it returned Sequential, NoneType, str"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(run, name, words):
    with pytest.raises(UnitscopeError, match=words):
        run(name)


def test_options_about_pictures_are_refused(run):
    with pytest.raises(UnitscopeError, match="returns a loader of its own"):
        run("names", white=4095)
