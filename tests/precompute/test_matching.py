"""Which output each class is, from the command line to the store: certain and said, or refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompute.__main__ import main
from precompute.errors import ClassError
from precompute.images.folder import ImageList
from precompute.options import RunOptions
from precompute.progress import Progress
from precompute.run.class_outputs import check_class_outputs, class_output_sample
from precompute.run.planning import make_plan
from precompute.store.reader import open_store
from tests.grey import write_grey_image, write_grey_images, write_grey_network


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

    run.out, run.model = out, model
    return run


@pytest.fixture
def numbers(tmp_path):
    return write_grey_images(tmp_path / "images", {str(level): level for level in range(11)}, per_class=2)


def test_folders_of_numbers_are_refused_before_anything_is_written(run, numbers):
    status, said = run("--images", numbers)
    assert status == 1
    assert "10, 2, 3 (as text, --class-order text)" in said
    assert not run.out.exists()


def test_with_the_order_said_every_picture_is_right_and_the_store_says_how(run, numbers, capsys):
    status, said = run("--images", numbers, "--class-order", "number")
    assert status == 0
    assert "100 % right" in said
    assert "(--class-order number): 0 -> 0, 1 -> 1, 2 -> 2, 3 -> 3 and 7 more" in said
    with open_store(run.out) as store:
        assert store.baseline_correct.all()
        assert store.classes.told_mapping() in said
    assert main(["info", str(run.out)]) == 0
    assert "outputs          given by the order of the names with numbers read as numbers" in capsys.readouterr().out


# What the network's answers say


LETTERS = dict(zip("abcdefghijk", [0, 1, 10, 2, 3, 4, 5, 6, 7, 8, 9], strict=True))


@pytest.fixture
def shuffled(tmp_path):
    """Folders a to k, which are not the outputs 0 to 10 in that order."""
    return write_grey_images(tmp_path / "images", LETTERS, per_class=19)


def test_classes_in_another_order_than_the_networks_end_the_run_which_prints_the_best(run, shuffled, tmp_path):
    status, said = run("--images", shuffled)
    assert status == 1
    assert "of 209 images spread over the classes, 38 are right" in said
    assert "--allow-low-accuracy" in said
    assert not run.out.exists()
    best = said.splitlines()[-1]
    assert json.loads(best) == LETTERS
    (tmp_path / "classes.json").write_text(best)
    status, said = run("--images", shuffled, "--classes", tmp_path / "classes.json")
    assert status == 0
    assert "100 % right" in said
    with open_store(run.out) as store:
        assert not any("wrong outputs" in sentence for sentence in store.conditions)


def test_the_run_goes_on_where_that_is_allowed_and_the_store_says_so(run, shuffled):
    status, said = run("--images", shuffled, "--allow-low-accuracy")
    assert status == 0
    assert "18.2 % right" in said
    with open_store(run.out) as store:
        (told,) = (sentence for sentence in store.conditions if "wrong outputs" in sentence)
    assert told.endswith("The run went on by --allow-low-accuracy.")
    assert told in said


def test_with_fewer_than_200_images_the_same_is_a_warning(run, shuffled):
    status, said = run("--images", shuffled, "--limit", "198")
    assert status == 0
    with open_store(run.out) as store:
        (told,) = (sentence for sentence in store.conditions if "wrong outputs" in sentence)
    assert "d -> 2" in told
    assert told in said


def test_three_images_are_too_few_to_tell(run, shuffled):
    status, said = run("--images", shuffled, "--limit", "3")
    assert status == 0
    assert "3 images are too few to tell" in said


def test_a_network_that_is_wrong_everywhere_is_no_matter_of_the_order(run, tmp_path):
    images = write_grey_images(tmp_path / "images", dict.fromkeys("abcdefghijk", 4), per_class=19)
    status, said = run("--images", images)
    assert status == 1
    assert "19 are right, and chance gives 19.0" in said
    assert "check the weights, the transform" in said
    assert "{" not in said


def test_random_weights_are_no_reason_to_stop(run, shuffled):
    plan = make_plan(RunOptions(model=run.model, images=shuffled, layers=("conv",), out=run.out, workers=0))
    with pytest.raises(ClassError, match="wrong outputs"):
        check_class_outputs(plan, Progress({}))
    (told,) = check_class_outputs(replace(plan, model=replace(plan.model, weights="none")), Progress({}))
    assert "wrong outputs" in told


@given(st.lists(st.integers(0, 60), min_size=1, max_size=30))
def test_the_images_that_are_looked_at_are_spread_over_the_classes(sizes):
    images = ImageList(
        Path(),
        tuple(f"{label}/{k}" for label, size in enumerate(sizes) for k in range(size)),
        np.repeat(np.arange(len(sizes), dtype=np.int32), sizes),
        tuple(map(str, range(len(sizes)))),
    )
    sample = class_output_sample(images)
    assert len(np.unique(sample)) == len(sample) == min(sum(sizes), 500)
    taken = np.bincount(images.labels[sample], minlength=len(sizes))
    assert np.all(taken.max() - taken[taken < np.array(sizes)] <= 1)


def test_of_more_than_a_thousand_classes_a_thousand_are_looked_at_twice():
    names = tuple(f"{label:04}" for label in range(1500))
    labels = np.repeat(np.arange(1500, dtype=np.int32), 3)
    images = ImageList(Path(), tuple(f"{names[label]}/{k}" for k, label in enumerate(labels)), labels, names)
    taken = np.bincount(labels[class_output_sample(images)], minlength=1500)
    assert sorted(np.unique(taken)) == [0, 2]
    assert taken.sum() == 2000


def test_a_folder_one_level_too_high_is_refused(run, tmp_path):
    for split in ("train", "val"):
        write_grey_images(tmp_path / "both" / split, {f"{level:02}": level for level in range(11)}, per_class=1)
    status, said = run("--images", tmp_path / "both")
    assert status == 1
    assert str(tmp_path / "both" / "val") in said
    assert not run.out.exists()


# Lists


@pytest.fixture
def table(tmp_path):
    """A list of pictures in one folder, of eleven labels that are not in the order of the outputs."""
    rows = ["image;class;split;note"]
    for name, output in LETTERS.items():
        for number in range(4):
            write_grey_image(tmp_path / "pictures" / f"{output}-{number}.png", output)
            split = "train" if number < 2 else "test"
            rows.append(f"pictures/{output}-{number}.png;{name};{split};")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    (tmp_path / "classes.json").write_text(json.dumps(LETTERS))
    return tmp_path / "labels.csv"


def test_a_list_takes_the_place_of_folders_and_experiments_find_its_images_again(run, table, capsys):
    status, said = run("--labels", table, "--classes", table.with_name("classes.json"), layers=("fc",))
    assert status == 0
    assert "22 images, 100 % right" in said
    assert "22 training images, 100 % right" in said
    assert f"These columns of {table} are not used: note." in said
    with open_store(run.out) as store:
        assert store.classes.name == tuple(LETTERS)
        assert store.images.path[:3] == ("pictures/0-2.png", "pictures/0-3.png", "pictures/1-2.png")
        assert store.images.root == str(table.parent)
        assert store.train.images.path[0] == "pictures/0-0.png"
        assert store.classes.mapping.endswith(f"the classes are the labels of {table}")
    assert main(["check", str(run.out)]) == 0
    assert main(["experiment", "responses", str(run.out)]) == 0
    assert main(["experiment", "roles", str(run.out)]) == 0
    moved = table.parent / "moved"
    moved.mkdir()
    (table.parent / "pictures").rename(moved / "pictures")
    capsys.readouterr()
    assert main(["experiment", "responses", str(run.out)]) == 1
    assert "22 of its 22 images are missing" in capsys.readouterr().err
    assert main(["experiment", "responses", str(run.out), "--images", str(moved)]) == 0


def test_labels_that_are_numbers_are_not_taken_for_outputs(run, table):
    table.write_text(table.read_text().replace(";k;", ";8;").replace(";j;", ";3;"))
    status, said = run("--labels", table, "--classes", table.with_name("classes.json"))
    assert status == 1
    assert "does not fit the class labels: no output is given for 3, 8" in said
    status, said = run("--labels", table)
    assert status == 0
    assert "3 -> 0, 8 -> 1, a -> 2" in said
    table.write_text("\n".join(line for line in table.read_text().splitlines() if ";b;" not in line))
    status, said = run("--labels", table)
    assert status == 1
    assert "11 outputs and there are 10 class labels" in said


def test_images_are_named_by_a_folder_or_a_list(run):
    status, said = run()
    assert status == 1
    assert "--images" in said
    assert "--labels" in said


def test_training_images_are_named_once_and_of_the_same_labels(run, table, tmp_path):
    status, said = run("--labels", table, "--train-images", tmp_path)
    assert status == 1
    assert "lists training images too" in said
    table.write_text(table.read_text().replace(";a;train", ";z;train"))
    status, said = run("--labels", table)
    assert status == 1
    assert "expected the same 11 labels as the images have, found no a and also z" in said


@pytest.mark.parametrize(("output", "status"), [(4, 0), (5, 1)])
def test_images_of_one_class_are_not_taken_for_a_network_at_chance(run, tmp_path, output, status):
    images = write_grey_images(tmp_path / "one", {"level": 4}, per_class=220)
    (tmp_path / "one.json").write_text(json.dumps({"level": output}))
    found, said = run("--images", images, "--classes", tmp_path / "one.json")
    assert found == status
    if status == 0:
        sentence = "Whether the class has the right output does not show: all images are of one class, of 220 images"
        assert sentence in said
        with open_store(run.out) as store:
            assert any(condition.startswith(sentence) for condition in store.conditions)
    else:
        assert said.rstrip().endswith('{"level": 4}')


def test_one_class_folder_is_told_in_the_singular(run, tmp_path):
    status, said = run("--images", write_grey_images(tmp_path / "one", {"level": 4}, per_class=2))
    assert status == 1
    assert "The network has 11 outputs and there is 1 class folder; nothing says" in said
