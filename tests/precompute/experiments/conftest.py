"""Stores to add experiments to, and how to ask for them as a person does."""

import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest

from precompute.__main__ import main
from precompute.store.reader import open_store
from tests.factory import Recipe, make_contents, write_store
from tests.small import write_images, write_network


@pytest.fixture(scope="session")
def made_up_bytes(tmp_path_factory):
    """A store with flips, two kinds of ablation, a class without images and one that is never right."""
    recipe = Recipe(n_classes=6, per_class=12, layers=(("conv", 9, (3, 3)), ("deep", 5, ())), k=2, n_empty=1, seed=4)
    return write_store(tmp_path_factory.mktemp("made-up") / "store.h5", make_contents(recipe)).read_bytes()


@pytest.fixture
def store_path(made_up_bytes, tmp_path):
    path = tmp_path / "store.h5"
    path.write_bytes(made_up_bytes)
    return path


def content_after(path, name, *words):
    """Add an experiment by the command line and return its arrays."""
    assert main(["experiment", name, str(path), *map(str, words)]) == 0
    with open_store(path) as store:
        return dict(store.experiment(name))


@pytest.fixture(scope="module")
def shared_path(made_up_bytes, tmp_path_factory):
    """The same store, for tests that only look at what one experiment added."""
    path = tmp_path_factory.mktemp("shared") / "store.h5"
    path.write_bytes(made_up_bytes)
    return path


@pytest.fixture
def experiment(store_path):
    """Add an experiment by the command line and return what the store then says, as plain values."""

    def added(name, *words, path=store_path):
        arrays = content_after(path, name, *words)
        with open_store(path) as store:
            return arrays, store.experiment(name).facts

    return added


@pytest.fixture(scope="session")
def real_job(tmp_path_factory):
    """A small network, its images and the store that a run made of them."""
    folder = tmp_path_factory.mktemp("job")
    model, images, out = write_network(folder), write_images(folder / "images", per_class=10), folder / "small.h5"
    words = ["run", model, "--images", images, "--layer", "features.4", "--layer", "signed", "--out", out]
    more = ["--workers", "0", "--attribution", "none", "--top-k", "2", "--batch-size", "8"]
    assert main([*map(str, words), *more]) == 0
    return model, images, out


@pytest.fixture
def job_store(real_job, tmp_path):
    """A copy of that store."""
    return Path(shutil.copy(real_job[2], tmp_path / "store.h5"))


@pytest.fixture(scope="module")
def experimented(real_job, tmp_path_factory):
    """Open a copy of that store with an experiment that the command line added."""
    with ExitStack() as stores:

        def done(name, *words):
            path = Path(shutil.copy(real_job[2], tmp_path_factory.mktemp(name) / "store.h5"))
            assert main(["experiment", name, str(path), "--seed", "5", "--device", "cpu", *map(str, words)]) == 0
            return stores.enter_context(open_store(path))

        yield done
