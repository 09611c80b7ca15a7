"""A small network, its images, and the store that a run made of them."""

import pytest

from precompute.__main__ import main
from tests.small import write_images, write_network


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """The folder; ``small.h5`` in it is of 60 images, so many that a process of its own decodes them."""
    folder = tmp_path_factory.mktemp("small")
    model, images = write_network(folder), write_images(folder / "images", per_class=20)
    words = ["run", model, "--images", images, "--layer", "features.4", "--layer", "signed", "--out", "small.h5"]
    more = ["--ablation", "zero", "--ablation", "mean", "--attribution", "none", "--top-k", "2", "--batch-size", "8"]
    words[-1] = folder / "small.h5"
    assert main([*map(str, words), *more, "--workers", "0"]) == 0
    return folder
