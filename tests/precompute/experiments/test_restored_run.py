"""The network and the images of a store are found again, and nothing else passes for them."""

import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from precompute.__main__ import main
from precompute.errors import ImageFolderError, ModelError
from precompute.experiments.options import ExperimentOptions
from precompute.experiments.restored_run import find_images, find_model, restore_run
from precompute.models.state_dict import state_digest
from precompute.store.reader import open_store


@pytest.fixture
def store(job_store):
    with open_store(job_store) as opened:
        yield opened


@pytest.fixture
def moved(real_job, tmp_path):
    """A copy of the images to name, and to spoil."""
    return shutil.copytree(real_job[1], tmp_path / "moved")


def test_images_may_have_moved(store, moved):
    found = find_images(store, moved)
    assert found.root == moved
    assert found.digest() == store.images.list_hash


def test_images_beside_those_of_the_store_are_left_alone(store, moved):
    (moved / "cats" / "new.png").write_bytes(b"not in the store")
    assert find_images(store, moved).paths == store.images.path


@pytest.mark.parametrize("spoil", ["remove", "rename", "other class"])
def test_another_list_of_images_is_refused(store, moved, spoil):
    image = moved / "cats" / "03.png"
    if spoil == "remove":
        image.unlink()
    else:
        image.rename(moved / ("dogs" if spoil == "other class" else "cats") / "renamed.png")
    with pytest.raises(
        ImageFolderError, match=r"not hold the images of the store: 1 of its 30 images are missing.*--images"
    ):
        find_images(store, moved)


def test_the_network_is_loaded_as_the_store_names_it(store, real_job):
    model, _ = find_model(store, ExperimentOptions())
    assert model.spec == real_job[0]
    assert state_digest(model.network) == store.provenance["weights"]["sha256"]


def test_weights_that_are_gone_are_taken_from_the_store(job_store):
    with h5py.File(job_store, "r+") as file:
        file["/model"].attrs["weights"] = "/gone/weights.pt"
    with open_store(job_store) as store:
        model, _ = find_model(store, ExperimentOptions())
        assert state_digest(model.network) == store.provenance["weights"]["sha256"]
        assert model.weights == "/gone/weights.pt"


def test_a_network_that_is_gone_is_refused(job_store):
    with h5py.File(job_store, "r+") as file:
        file["/model"].attrs["spec"] = "/gone/network.py:build"
    with open_store(job_store) as store, pytest.raises(ModelError, match="no file /gone/network"):
        find_model(store, ExperimentOptions())


def test_another_network_is_refused_before_anything_is_computed(job_store, tmp_path, real_job, capsys):
    before = job_store.read_bytes()
    other = tmp_path / "other.py"
    own = Path(real_job[0].removesuffix(":build")).read_text()
    other.write_text(own.replace("manual_seed(3)", "manual_seed(4)"))
    assert main(["experiment", "cumulative", str(job_store), "--model", f"{other}:build"]) == 1
    assert "is not the network of the store" in capsys.readouterr().err
    assert job_store.read_bytes() == before


def test_a_copy_of_the_network_elsewhere_is_as_good(store, tmp_path, real_job):
    copy = shutil.copy(real_job[0].removesuffix(":build"), tmp_path / "copy.py")
    restored = restore_run(store, ExperimentOptions(model=f"{copy}:build", device="cpu"))
    read = list(restored.read(range(len(store.images))))
    np.testing.assert_array_equal(np.concatenate([where for where, _, _ in read]), np.arange(30))
    outputs = np.concatenate([logits for _, _, logits in read])
    np.testing.assert_array_equal(outputs.argmax(axis=1), store.baseline.prediction)


def test_a_picture_of_another_content_is_refused_by_its_name(store, moved):
    Image.new("RGB", (16, 16), (255, 0, 0)).save(moved / "dogs" / "04.png")
    with pytest.raises(ImageFolderError, match=r"dogs/04\.png: this file has changed since the run first read it"):
        list(restore_run(store, ExperimentOptions(images=moved, device="cpu")).read(range(30)))


@pytest.fixture
def older(store, monkeypatch):
    """The store as one of an earlier version, which kept no digests of files."""
    monkeypatch.setattr(store, "images", replace(store.images, digest=None))
    return store


def test_in_older_stores_predictions_tell_pictures_of_another_content(older, moved):
    for file in moved.glob("*/*.png"):
        Image.new("RGB", (16, 16), (255, 0, 0)).save(file)
    with pytest.raises(ModelError, match="predictions differ from the store"):
        restore_run(older, ExperimentOptions(images=moved, device="cpu"))


def test_in_older_stores_an_image_that_cannot_be_read_any_more_is_refused(older, moved):
    restored = restore_run(older, ExperimentOptions(images=moved, device="cpu"))
    (moved / "dogs" / "04.png").write_bytes(b"spoilt")
    with pytest.raises(ImageFolderError, match=r"04\.png: this image could be read when the store was made"):
        list(restored.read(range(30)))
