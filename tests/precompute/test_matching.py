"""Which output each class is, from the command line to the store: certain and said, or refused."""

import pytest

from precompute.__main__ import main
from precompute.store.reader import open_store
from tests.grey import write_grey_images, write_grey_network


@pytest.fixture
def run(tmp_path, capsys):
    """A function that runs the network of eleven grey levels, and returns status and what was said."""
    model, out = write_grey_network(tmp_path, 11), tmp_path / "grey.h5"

    def run(*words, layers=("conv",)):
        given = [word for layer in layers for word in ("--layer", layer)]
        command = ["run", model, "--out", str(out), "--attribution", "none", "--workers", "0", *given]
        status = main([*command, *map(str, words)])
        said = capsys.readouterr()
        return status, said.out + said.err

    run.out = out
    return run


@pytest.fixture
def numbers(tmp_path):
    return write_grey_images(tmp_path / "images", {str(level): level for level in range(11)}, per_class=2)


def test_folders_of_numbers_are_refused_before_anything_is_written(run, numbers):
    status, said = run("--images", numbers)
    assert status == 1
    assert "10, 2, 3 (as text)" in said
    assert not run.out.exists()


def test_with_the_order_said_every_picture_is_right_and_the_store_says_how(run, numbers, capsys):
    status, said = run("--images", numbers, "--class-order", "number")
    assert status == 0
    assert "100.0% right" in said
    assert "(--class-order number): 0 -> 0, 1 -> 1, 2 -> 2, 3 -> 3 and 7 more" in said
    with open_store(run.out) as store:
        assert store.baseline_correct.all()
        assert store.classes.told_mapping() in said
    assert main(["info", str(run.out)]) == 0
    assert "outputs          given by the order of the names with numbers read as numbers" in capsys.readouterr().out


def test_a_folder_one_level_too_high_is_refused(run, tmp_path):
    for split in ("train", "val"):
        write_grey_images(tmp_path / "both" / split, {f"{level:02}": level for level in range(11)}, per_class=1)
    status, said = run("--images", tmp_path / "both")
    assert status == 1
    assert str(tmp_path / "both" / "val") in said
    assert not run.out.exists()
