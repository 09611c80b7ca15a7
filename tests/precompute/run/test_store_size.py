"""The size of a store is told before the run, by part: about right, and at most as said."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

from precompute.options import RunOptions
from precompute.run.pipeline import carry_out
from precompute.run.planning import make_plan
from precompute.run.size_sample import contents_of, packed
from precompute.run.store_size import (
    FLIPS,
    MARGIN,
    SUMS,
    UNITS_ON_IMAGES,
    Contents,
    LayerSize,
    at_most,
    bytes_by_part,
    side_file_bytes,
)
from tests.benchmarks.estimates import bytes_written
from tests.small import write_images, write_network

LARGE = Contents(50_000, 1000, (LayerSize(2048, (7, 7), flip_rate=0.01), LayerSize(256, (56, 56), signed=True)))


@pytest.fixture(scope="module")
def told_and_written(tmp_path_factory):
    """What was told of a small job's store, what was written, and how large its side files were at most."""
    folder = tmp_path_factory.mktemp("size")
    options = RunOptions(
        model=write_network(folder),
        images=write_images(folder / "images", per_class=25),
        layers=("features.4", "signed"),
        out=folder / "small.h5",
        workers=0,
        allow_low_accuracy=True,
    )
    (contents,) = contents_of(make_plan(options))
    side, said = [], []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("precompute.run.shards.ShardFolder.remove", lambda folder: side.append(folder.path))
        carry_out(options, command="", say=said.append)
    n_side = sum(file.stat().st_size for file in side[0].rglob("*.npy"))
    return contents, bytes_written(options.out), n_side, "\n".join(said)


def test_the_store_is_about_as_large_as_told(told_and_written):
    contents, written, _, _ = told_and_written
    told = bytes_by_part(contents)
    assert sum(written.values()) / 1.5 < sum(told.values()) < 1.5 * sum(written.values())


def test_no_part_is_larger_than_the_most_told(told_and_written):
    contents, written, _, _ = told_and_written
    told = bytes_by_part(contents)
    assert told.keys() == written.keys() == MARGIN.keys()
    exceeding = {
        name: (told[name], size) for name, size in written.items() if size > 40_000 + MARGIN[name] * told[name]
    }
    assert exceeding == {}


def test_side_files_are_as_large_as_told(told_and_written):
    contents, _, n_side, _ = told_and_written
    assert side_file_bytes(contents) == pytest.approx(n_side, rel=0.35)


def test_the_size_is_told_by_part_before_the_run(told_and_written):
    _, _, _, said = told_and_written
    (line,) = [line for line in said.split("\n") if line.startswith("Store: about ")]
    assert "at most" in line
    assert all(f"{part} " in line for part in (UNITS_ON_IMAGES, SUMS, FLIPS))
    assert said.index("Store: about") < said.index("Took:")


def test_a_store_of_sums_is_the_same_but_for_its_matrices():
    whole, sums = bytes_by_part(LARGE), bytes_by_part(replace(LARGE, keep="sums"))
    assert whole.pop(UNITS_ON_IMAGES) > 0.9 * 2304 * 50_000 * 2 * 4 * 0.9
    assert sums.pop(UNITS_ON_IMAGES) == 0
    assert whole == sums


def test_side_files_do_not_depend_on_what_is_kept():
    assert side_file_bytes(LARGE) == side_file_bytes(replace(LARGE, keep="sums"))


@pytest.mark.parametrize("more", [{"n_images": 100_000}, {"n_classes": 2000}, {"n_kinds": 2}, {"top_k": 50}])
def test_more_of_anything_is_larger(more):
    larger = replace(LARGE, **more)
    assert sum(bytes_by_part(larger).values()) > sum(bytes_by_part(LARGE).values())
    assert at_most(bytes_by_part(larger)) > sum(bytes_by_part(larger).values())


def test_numbers_pack_as_a_store_packs_them(tmp_path):
    rng = np.random.default_rng(0)
    values = np.maximum(rng.normal(size=(1, 40_000)), 0).astype("f4")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("x", data=values, chunks=values.shape, compression="gzip", compression_opts=4, shuffle=True)
        assert packed(values) == pytest.approx(file["x"].id.get_storage_size() / values.nbytes, rel=0.01)
