import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from precompute.errors import DiskError, ImageFolderError
from precompute.images import demo
from precompute.images.demo import DEMO_CLASSES, draw_demo_images, is_drawn
from precompute.images.drawing.palette import PARTS
from precompute.images.drawing.scenes import RECIPES, draw_scene
from precompute.images.folder import list_images

NAMES = [name for name, _ in DEMO_CLASSES]
SMALL = {"train_per_class": 2, "val_per_class": 1}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    root = tmp_path_factory.mktemp("demo") / "images"
    draw_demo_images(root, seed=5, **SMALL)
    return root


def contents(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def leftovers(root):
    return sorted(path.name for path in root.parent.iterdir() if path != root)


# What is drawn


def test_there_are_at_least_twelve_classes_in_the_order_of_their_folders():
    assert len(NAMES) >= 12
    assert sorted(NAMES) == NAMES


def test_titles_are_the_names_in_words():
    assert dict(DEMO_CLASSES)["red_star_on_grass"] == "red star on grass"


def test_validation_has_enough_images_of_each_class_to_measure_drops_on():
    assert demo.VAL_PER_CLASS >= 50


def test_a_picture_is_96_pixels_square_in_colour_with_one_mask_for_each_category():
    sheet = draw_scene(RECIPES[0], np.random.default_rng(0))
    picture = sheet.developed()
    assert picture.shape == (96, 96, 3)
    assert picture.dtype == np.uint8
    assert sheet.parts.keys() == PARTS.keys()
    for category, mask in sheet.parts.items():
        assert mask.shape == (96, 96)
        assert mask.dtype == np.uint8
        assert mask.max() <= len(PARTS[category])


def test_the_folder_holds_every_class_in_both_splits(drawn):
    for split, per_class in (("train", 2), ("val", 1)):
        images = list_images(drawn / split)
        assert list(images.class_names) == NAMES
        assert np.bincount(images.labels).tolist() == [per_class] * len(NAMES)


def test_a_mask_reads_as_the_names_of_its_parts(drawn):
    names = json.loads((drawn / "masks" / "parts.json").read_text())
    assert names == {
        category: {str(index): part for index, part in enumerate(parts, start=1)} for category, parts in PARTS.items()
    }
    class_index = NAMES.index("red_star_on_sand")
    sheet = draw_scene(RECIPES[class_index], np.random.default_rng([5, 1, class_index, 0]))
    for category, mask in sheet.parts.items():
        with Image.open(drawn / "masks" / "val" / "red_star_on_sand" / f"0000-{category}.png") as image:
            assert image.mode == "P"
            np.testing.assert_array_equal(np.asarray(image), mask)


def test_any_picture_of_the_folder_can_be_drawn_alone(drawn):
    for class_index, name in enumerate(NAMES):
        for split_index, split in enumerate(("train", "val")):
            rng = np.random.default_rng([5, split_index, class_index, 0])
            picture = draw_scene(RECIPES[class_index], rng).developed()
            with Image.open(drawn / split / name / "0000.png") as image:
                np.testing.assert_array_equal(np.asarray(image), picture)


def test_the_same_seed_draws_the_same_files(drawn, tmp_path):
    draw_demo_images(tmp_path / "again", seed=5, **SMALL)
    assert contents(tmp_path / "again") == contents(drawn)


def test_another_seed_draws_other_pictures(drawn, tmp_path):
    draw_demo_images(tmp_path / "other", seed=6, **SMALL)
    first, second = (
        {path: data for path, data in contents(root).items() if path.startswith(("train", "val"))}
        for root in (drawn, tmp_path / "other")
    )
    assert first.keys() == second.keys()
    assert all(first[path] != second[path] for path in first)


def test_training_and_validation_share_no_picture(drawn):
    pictures = [data for path, data in contents(drawn).items() if path.startswith(("train", "val"))]
    assert len(set(pictures)) == len(pictures) == 3 * len(NAMES)


HASH = """
import hashlib
import numpy as np
from precompute.images.drawing.scenes import RECIPES, draw_scene
digest = hashlib.sha256()
for index, recipe in enumerate(RECIPES):
    sheet = draw_scene(recipe, np.random.default_rng([0, index]))
    digest.update(sheet.developed().tobytes() + b"".join(mask.tobytes() for mask in sheet.parts.values()))
print(digest.hexdigest())
"""


def test_a_processor_without_vector_units_draws_the_same_pictures():
    def digest(**disabled):
        done = subprocess.run([sys.executable, "-c", HASH], env=os.environ | disabled, capture_output=True, check=True)
        return done.stdout

    assert digest(NPY_DISABLE_CPU_FEATURES="X86_V3 X86_V4 AVX2 FMA3 AVX512F AVX512_SKX") == digest()


def test_several_processes_draw_the_same_files_as_one(drawn, tmp_path, monkeypatch):
    monkeypatch.setattr("precompute.images.drawing.parallel._WORTH_A_POOL", 0)
    monkeypatch.setattr("precompute.images.drawing.parallel._cores", lambda: 2)
    draw_demo_images(tmp_path / "pooled", seed=5, **SMALL)
    assert contents(tmp_path / "pooled") == contents(drawn)


def test_where_no_process_can_be_started_one_draws_alone(drawn, tmp_path):
    # Started from standard input, a script cannot be imported by the processes that it starts: they all break.
    script = f"""
from pathlib import Path
from precompute.images.drawing import parallel
from precompute.images.demo import draw_demo_images
parallel._WORTH_A_POOL, parallel._cores = 0, lambda: 2
draw_demo_images(Path({str(tmp_path / "alone")!r}), seed=5, train_per_class=2, val_per_class=1)
"""
    subprocess.run([sys.executable, "-"], input=script.encode(), capture_output=True, check=True)
    assert contents(tmp_path / "alone") == contents(drawn)


# When it is drawn


def test_progress_counts_every_picture(tmp_path):
    told = []
    draw_demo_images(tmp_path / "images", progress=lambda done, total: told.append((done, total)), **SMALL)
    total = 3 * len(NAMES)
    assert told[0] == (0, total)
    assert told[-1] == (total, total)
    assert told == sorted(told)


def test_a_drawn_folder_is_used_again(drawn):
    before = {path: path.stat().st_mtime_ns for path in drawn.rglob("*")}
    draw_demo_images(drawn, seed=5, progress=lambda done, total: pytest.fail("drawn again"), **SMALL)
    assert {path: path.stat().st_mtime_ns for path in drawn.rglob("*")} == before


@pytest.mark.parametrize(
    "asked",
    [{"seed": 6, **SMALL}, {"seed": 5, "train_per_class": 3, "val_per_class": 1}, {"seed": 5}],
    ids=["another seed", "another size", "the default sizes"],
)
def test_a_folder_drawn_otherwise_does_not_count(drawn, asked):
    assert is_drawn(drawn, seed=5, **SMALL)
    assert not is_drawn(drawn, **asked)


def test_a_folder_drawn_by_other_code_does_not_count(drawn, monkeypatch):
    monkeypatch.setattr(demo, "_code_hash", lambda: "other")
    assert not is_drawn(drawn, seed=5, **SMALL)


def test_a_folder_drawn_otherwise_is_replaced(tmp_path):
    root = tmp_path / "images"
    draw_demo_images(root, seed=1, train_per_class=3, val_per_class=1)
    draw_demo_images(root, seed=2, **SMALL)
    assert is_drawn(root, seed=2, **SMALL)
    assert len(list_images(root / "train")) == 2 * len(NAMES)
    assert leftovers(root) == []


def test_a_failed_drawing_leaves_the_old_folder_and_nothing_else(tmp_path, monkeypatch):
    root = tmp_path / "images"
    draw_demo_images(root, seed=1, **SMALL)
    before = contents(root)
    monkeypatch.setattr("precompute.images.drawing.parallel.draw_scene", lambda recipe, rng: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        draw_demo_images(root, seed=2, **SMALL)
    assert contents(root) == before
    assert leftovers(root) == []


@pytest.fixture
def killed(tmp_path):
    """A folder whose drawing, in two processes, was killed half-way, and the ids of those processes."""
    root = tmp_path / "images"
    script = tmp_path / "draw.py"
    script.write_text(
        f"""
from multiprocessing import active_children
from pathlib import Path
from precompute.images.drawing import parallel
from precompute.images.demo import draw_demo_images

def tell(done, total):
    print(done, *(child.pid for child in active_children()), flush=True)

if __name__ == "__main__":
    parallel._cores = lambda: 2
    draw_demo_images(Path({str(root)!r}), train_per_class=200, progress=tell)
"""
    )
    environment = os.environ | {"PYTHONPATH": str(Path(demo.__file__).parents[2])}
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, env=environment) as drawing:
        while not (told := drawing.stdout.readline().split()) or told[0] == "0":
            pass
        drawing.kill()
    return root, [int(child) for child in told[1:]]


def runs(process):
    try:
        os.kill(process, signal.SIG_DFL)
    except ProcessLookupError:
        return False
    # An ended process that nobody has waited for still has an id.
    return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="asks /proc whether a process still runs")
def test_a_killed_drawing_leaves_no_folder_and_no_process(killed):
    root, children = killed
    assert not root.exists()
    assert not is_drawn(root, train_per_class=200)
    assert len(children) == 2
    deadline = time.monotonic() + 20
    while any(map(runs, children)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(runs, children))


def test_what_a_killed_drawing_left_is_removed_an_hour_later(tmp_path):
    for name, age in ((".images-old", 3700), (".images-new", 0)):
        (tmp_path / name / "new").mkdir(parents=True)
        os.utime(tmp_path / name, (time.time() - age, time.time() - age))
    draw_demo_images(tmp_path / "images", **SMALL)
    assert leftovers(tmp_path / "images") == [".images-new"]


def test_a_folder_of_other_files_is_refused_and_left_alone(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"sun")
    with pytest.raises(ImageFolderError, match="found other files"):
        draw_demo_images(tmp_path, **SMALL)
    assert contents(tmp_path) == {"holiday.jpg": b"sun"}


def test_an_empty_folder_is_taken(tmp_path):
    root = tmp_path / "images"
    root.mkdir()
    draw_demo_images(root, **SMALL)
    assert is_drawn(root, **SMALL)


def test_a_place_that_cannot_be_written_gets_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match=r"images: the demo's pictures cannot be written here \(Not a directory\)"):
        draw_demo_images(tmp_path / "file" / "runs" / "images", **SMALL)
