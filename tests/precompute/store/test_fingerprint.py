"""The fingerprint of a store: the run's, whatever the file is called and whatever was added to it."""

import shutil
from dataclasses import replace

import h5py
import pytest

from precompute.__main__ import main
from precompute.store.fingerprint import DIGITS
from precompute.store.reader import open_store
from precompute.store.stamps import stamp
from tests.factory import make_store
from tests.precompute.store.conftest import SMALL


@pytest.fixture
def path(tmp_path):
    return make_store(tmp_path / "store.h5", SMALL)


def fingerprint(path):
    with open_store(path) as store:
        return store.fingerprint


def test_it_is_a_few_hexadecimal_digits(path):
    assert len(fingerprint(path)) == DIGITS
    assert int(fingerprint(path), 16) >= 0


def test_a_copy_under_another_name_has_the_same(path, tmp_path):
    copy = shutil.copyfile(path, tmp_path / "another name.h5")
    assert fingerprint(copy) == fingerprint(path)


def test_a_store_with_an_experiment_added_has_the_same(path):
    before = fingerprint(path)
    with h5py.File(path, "r+") as file:
        file.create_group("/experiments/statistics").attrs["created"] = "later"
        measures = file[f"/layers/{SMALL.layers[0][0]}/measure"]
        measures.create_dataset("added", data=measures["overall_drop"][...])
        stamp(file)
    assert fingerprint(path) == before


@pytest.mark.parametrize("part", ["created", "provenance", "list_hash", "activation", "flips", "layer"])
def test_another_run_has_another(path, part):
    before = fingerprint(path)
    layer = f"/layers/{SMALL.layers[0][0]}"
    with h5py.File(path, "r+") as file:
        if part in ("created", "provenance"):
            file.attrs[part] = file.attrs[part].replace(b"2", b"3")
        elif part == "list_hash":
            file["/images"].attrs[part] = "0" * 64
        elif part == "activation":
            file[f"{layer}/activation/max"].attrs["values"] = "00000000"
        elif part == "flips":
            file[f"{layer}/ablation/zero/flip/prediction"].attrs["values"] = "00000000"
        else:
            file.move(layer, f"{layer}0")
    assert fingerprint(path) != before


def test_of_a_store_without_checksums_it_is_that_of_its_run(path, tmp_path):
    other = make_store(tmp_path / "other.h5", replace(SMALL, seed=1))
    for each in (path, other):
        with h5py.File(each, "r+") as file:
            file.visititems(lambda _, item: item.attrs.pop("values", None) and None)
    assert fingerprint(path) != fingerprint(other)


def test_info_names_it(path, capsys):
    assert main(["info", str(path)]) == 0
    assert f"fingerprint      {fingerprint(path)}" in capsys.readouterr().out
