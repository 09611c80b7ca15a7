"""Image files that are replaced, touched or written to while a run reads them, or before it goes on."""

import json
import os

import numpy as np
import pytest
import torch
from PIL import Image

from precompute.__main__ import main
from precompute.errors import ImageFolderError
from precompute.images.file_digests import digest_of
from precompute.images.folder import list_images
from precompute.images.loading import read_batches
from precompute.run import exemplars, pipeline
from precompute.store.check import check
from precompute.store.reader import open_store
from precompute.workers import start
from tests.precompute.run.test_worker_pool import InThisProcess
from tests.small import write_images, write_network


@pytest.fixture
def small(tmp_path):
    """MODEL, image folder and store of a small job."""
    return write_network(tmp_path), write_images(tmp_path / "images"), tmp_path / "small.h5"


def job(small, *more):
    model, images, out = small
    words = ["--layer", "signed", "--attribution", "none", "--workers", "0", "--shard-size", "8", "--top-k", "4"]
    return ["run", model, "--images", str(images), "--out", str(out), *words, *map(str, more)]


def repaint(file):
    """Replace a picture by another of the same name, size and time."""
    facts = file.stat()
    Image.fromarray(np.full((16, 16, 3), 77, dtype=np.uint8)).save(file)
    with file.open("ab") as opened:
        opened.write(b"\0" * (facts.st_size - file.stat().st_size))
    os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert file.stat().st_size == facts.st_size


def stop(*_arguments, **_options):
    raise KeyboardInterrupt


@pytest.fixture
def swept(small, monkeypatch):
    """A job that was stopped after its sweep."""
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "write_network", stop)
        assert main(job(small)) == 130
    return small


def test_a_picture_that_was_replaced_before_resume_is_refused(swept, capsys):
    repaint(swept[1] / "dogs" / "03.png")
    assert main(job(swept, "--resume")) == 1
    said = capsys.readouterr().err
    assert "1 are gone or have other bytes now" in said
    assert "dogs/03.png" in said
    assert "small.h5.shards" in said
    assert not swept[2].exists()


def test_a_picture_that_is_gone_before_resume_is_refused_by_name(swept, capsys):
    broken = swept[1] / "dogs" / "03.png"
    broken.write_bytes(b"")
    assert main(job(swept, "--resume")) == 1
    assert "dogs/03.png" in capsys.readouterr().err


def test_pictures_that_were_copied_or_touched_are_the_same_pictures(swept, capsys):
    for file in swept[1].glob("*/*.png"):
        os.utime(file, (1, 1))
    assert main(job(swept, "--resume")) == 0
    assert "The 24 files that the stopped run has read are compared" in capsys.readouterr().out
    assert check(swept[2]) == []


def test_a_first_run_compares_nothing(small, capsys):
    assert main(job(small)) == 0
    assert "are compared with what they were" not in capsys.readouterr().out


@pytest.mark.parametrize("device", ["cpu", "cpu,cpu"])
def test_a_picture_that_changes_between_the_sweep_and_the_exemplars_ends_the_run(small, device, monkeypatch, capsys):
    before = exemplars.write_exemplars

    def change(*arguments):
        for file in small[1].glob("*/*.png"):
            repaint(file)
        return before(*arguments)

    monkeypatch.setattr(start, "LocalWorkers", InThisProcess)
    monkeypatch.setattr(pipeline, "write_exemplars", change)
    assert main(job(small, "--device", device)) == 1
    assert "this file has changed since the run first read it" in capsys.readouterr().err
    assert not small[2].exists()


def test_a_picture_that_changes_between_the_means_and_the_sweep_ends_the_run(small, monkeypatch, capsys):
    before = pipeline.find_unit_means

    def change(*arguments):
        found = before(*arguments)
        (small[1] / "owls" / "00.png").unlink()
        return found

    monkeypatch.setattr(pipeline, "find_unit_means", change)
    assert main(job(small, "--ablation", "mean", "--allow-bad")) == 1
    assert "owls/00.png: this file has changed since the run first read it" in capsys.readouterr().err


@pytest.fixture
def looked_at(small, capsys):
    """A finished job of which one picture was replaced, by one with the same answer."""
    assert main(job(small)) == 0
    with open_store(small[2]) as store:
        one, other = np.flatnonzero(store.baseline.prediction == store.baseline.prediction[0])[:2]
        paths = [small[1] / store.images.path[at] for at in (one, other)]
    paths[1].write_bytes(paths[0].read_bytes())
    capsys.readouterr()
    return small[2], paths[1]


def test_a_picture_that_was_replaced_since_is_named_by_an_experiment(looked_at, capsys):
    store, replaced = looked_at
    assert main(["experiment", "responses", str(store)]) == 1
    assert f"{replaced}: this file has changed since the run first read it" in capsys.readouterr().err


def test_a_file_that_changes_while_it_is_read_ends_the_reading(tmp_path):
    images = list_images(write_images(tmp_path / "images"))
    (batch,) = read_batches(images, _to_tensor, [[0, 1]], workers=0)
    assert batch.files == tuple((i, digest_of(images.root / images.paths[i])) for i in (0, 1))

    def meddle(picture):
        with (images.root / images.paths[1]).open("ab") as opened:
            opened.write(b"written meanwhile")
        return _to_tensor(picture)

    with pytest.raises(ImageFolderError, match=r"01\.png: this file changed while it was read"):
        list(read_batches(images, meddle, [[0, 1]], workers=0))


def _to_tensor(picture):
    return torch.from_numpy(np.asarray(picture, dtype=np.float32)).permute(2, 0, 1)


# What computed the shards


def test_a_store_names_all_devices_that_computed_its_shards(small, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(start, "LocalWorkers", InThisProcess)
        patch.setattr(pipeline, "write_network", stop)
        assert main(job(small, "--device", "cpu,cpu")) == 130
    assert main(job(small, "--device", "cpu", "--resume")) == 0
    with open_store(small[2]) as store:
        told = store.provenance["device"]
    first, second = told.split("; ")
    assert first.startswith("3 shards on 2 processes on cpu, cpu")
    assert "shards on cpu (" in second or "shard on cpu (" in second


def test_a_store_of_one_device_names_it_alone(small):
    assert main(job(small)) == 0
    with open_store(small[2]) as store:
        assert store.provenance["device"].startswith("cpu (")


def test_shards_of_before_that_name_no_device_are_told_as_such(swept):
    for manifest in swept[2].with_name("small.h5.shards").glob("**/shard.json"):
        held = json.loads(manifest.read_text())
        del held["device"]
        manifest.write_text(json.dumps(held))
    assert main(job(swept, "--resume")) == 0
    with open_store(swept[2]) as store:
        assert "3 shards on a device that was not recorded" in store.provenance["device"]
