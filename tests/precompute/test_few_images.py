"""Runs of one to three images: what people type first."""

import pytest

from precompute.experiments.options import ExperimentOptions
from precompute.experiments.runner import carry_out_all
from precompute.options import RunOptions
from precompute.run.pipeline import carry_out
from precompute.store.check import check
from precompute.store.experiments import registry
from precompute.store.reader import open_store
from tests.explorer.conftest import Page, put, runs, show  # noqa: F401  fixtures
from tests.small import write_images, write_network


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """A store of one, two and three images, with every option that asks for more than there is."""
    folder = tmp_path_factory.mktemp("few")
    network, images = write_network(folder), write_images(folder / "images", per_class=4)
    train = write_images(folder / "train", per_class=4)

    def made(n):
        out = folder / f"{n}.h5"
        if not out.exists():
            options = RunOptions(
                model=network,
                images=images,
                train_images=train,
                layers=("signed",),
                out=out,
                limit=n,
                ablation=("zero", "mean"),
                attribution=("gradient", "integrated_gradients"),
                top_k=5,
            )
            carry_out(options, command="test", say=lambda _: None)
        return out

    return made


@pytest.mark.parametrize("n", [1, pytest.param(2, marks=pytest.mark.long), 3])
def test_a_run_of_few_images_makes_a_whole_store(stores, n):
    assert check(stores(n)) == []
    with open_store(stores(n)) as store:
        assert len(store.images) == n
        layer = store.layers[0]
        assert sorted(layer.exemplars("top", 0).image.tolist()) == list(range(n))
        assert {found.n_exemplars for found in layer.attributions} == {n}


@pytest.fixture(scope="module")
def told(stores):
    """What is said when every experiment that can be is added to the store of one image."""
    said = []
    carry_out_all(stores(1), ExperimentOptions(max_minutes=0.02), command="test", say=said.append)
    return said


def test_an_experiment_on_one_image_is_added_or_refused_in_a_sentence(stores, told):
    refused = [sentence for sentence in told if "is left out" in sentence]
    assert [sentence for sentence in refused if "Use more images of a class" not in sentence] == [
        sentence for sentence in refused if "no folder masks" in sentence
    ]
    with open_store(stores(1)) as store:
        assert len(store.experiments) + len(refused) == len(registry.NAMES)
        assert len(store.experiments) > len(refused)
    assert check(stores(1)) == []


@pytest.mark.parametrize("page", ["overview", "layer", "unit", "experiments", "compare"])
@pytest.mark.parametrize("n", [1])
def test_every_page_opens_on_a_store_of_few_images(stores, runs, show, n, page):  # noqa: F811
    put(stores(n), runs)
    shown: Page = show(page, store="demo", layer="signed")
    assert "us-alert" not in shown.words


def test_every_experiment_has_its_page_on_a_store_of_one_image(stores, runs, show):  # noqa: F811
    path = put(stores(1), runs)
    with open_store(path) as store:
        names = store.experiments
    for name in names:
        assert "us-sentence" in show("experiments", store="demo", layer="signed", experiment=name).words
