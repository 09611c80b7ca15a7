"""Pictures of odd shapes, kinds and places, from the command line, held to a forward pass of the test's own."""

import pytest
from PIL import Image

from precompute.__main__ import main
from precompute.store.check import check
from precompute.store.reader import open_store
from tests.small import NETWORK, write_images

# The usual transform resizes the shorter side to 256.
BARE = NETWORK.replace("return network, transform", "return network")


@pytest.fixture
def small(tmp_path):
    """MODEL, image folder and store of a small job with the usual transform."""
    (tmp_path / "small.py").write_text(BARE)
    return f"{tmp_path / 'small.py'}:build", write_images(tmp_path / "images"), tmp_path / "small.h5"


def job(small, *more):
    model, images, out = small
    words = ["--layer", "signed", "--attribution", "none", "--workers", "0", "--top-k", "2"]
    return ["run", model, "--images", str(images), "--out", str(out), *words, *map(str, more)]


def test_a_strip_is_left_out_with_its_shape_before_it_takes_the_memory(small, capsys):
    Image.new("RGB", (1, 10_000)).save(small[1] / "owls" / "00.png")
    assert main(job(small)) == 0
    said = "its longer side is 10,000 times its shorter one, and the transform would resize it from 1 x 10,000 to 256 x"
    assert said in capsys.readouterr().out
    with open_store(small[2]) as store:
        ((path, reason),) = store.images.skipped
        assert path == "owls/00.png"
        assert said in reason
    assert check(small[2]) == []


def test_many_strips_end_the_run_like_other_bad_pictures(small, capsys):
    for number in range(3):
        Image.new("RGB", (1, 10_000)).save(small[1] / "owls" / f"0{number}.png")
    assert main(job(small)) == 1
    said = capsys.readouterr().err
    assert "3 of 24 files cannot be read as images, more than 5%, owls/00.png among them (" in said


@pytest.mark.parametrize("training", [False, True])
def test_pictures_beside_the_class_folders_are_told(small, tmp_path, capsys, training):
    beside = write_images(tmp_path / "train") if training else small[1]
    for name in ("z.JPG", "a.png", "notes.txt"):
        (beside / name).write_bytes(b"")
    more = ["--train-images", beside] if training else []
    if training:
        for file in beside.glob("*/*.png"):
            with file.open("ab") as opened:
                opened.write(b"other bytes")
    assert main(job(small, *more)) == 0
    said = f"2 pictures lie in {beside} itself, beside the class folders, so the run does not take them: a.png, z.JPG."
    assert said in capsys.readouterr().out
    with open_store(small[2]) as store:
        assert [each for each in store.provenance["conditions"] if each.startswith(said)]


def test_files_beside_the_class_folders_that_are_no_pictures_are_nothing_to_tell(small, capsys):
    (small[1] / "notes.txt").write_text("cats, dogs and owls")
    assert main(job(small)) == 0
    assert "beside the class folders" not in capsys.readouterr().out
