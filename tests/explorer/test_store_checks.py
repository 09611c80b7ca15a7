"""A store that fails its check is shown all the same, with a line that says so."""

import subprocess
import sys
import time

import h5py
import psutil
import pytest

from explorer import cache
from explorer.store_checks import check_apart, let_others_first
from explorer.store_files import StoreFile
from precompute.__main__ import main
from tests.explorer.conftest import put
from tests.factory import Recipe, as_if_written

SMALL = Recipe(n_classes=3, per_class=3, layers=(("features.2", 3, (3, 3)),), k=3, without=frozenset({"mean ablation"}))


@pytest.fixture
def path(made, runs):
    return put(made("small", SMALL), runs)


def found(source):
    """Wait for the check of a store."""
    verdicts = cache.store_checks()
    assert verdicts.of(source) is None
    verdicts.start(source)
    for _ in range(600):
        if verdicts.of(source) is not None:
            break
        time.sleep(0.1)
    return verdicts.of(source)


def test_a_store_that_fails_its_check_is_shown_with_a_line_that_says_so(path, show):
    with h5py.File(path, "r+") as file:
        file["/layers/features.2/measure/class_selectivity"][0] = 0.123
    said = found(StoreFile("demo", path))
    assert said.startswith("This store fails its check: /layers/features.2/measure/class_selectivity: ")
    page = show("layer", store="demo", layer="features.2")
    assert page.words.count("This store fails its check") == 1
    assert page.charts()


def test_an_experiment_that_no_longer_follows_is_named_with_the_command_that_makes_it_again(path):
    assert main(["experiment", "statistics", str(path)]) == 0
    assert check_apart(path) == ""
    with as_if_written(path) as file:
        file["/experiments/statistics/layers/features.2/ablation/zero/overall_q"][0] = 0.123
    said = check_apart(path)
    assert said.startswith("The experiment statistics of this store fails its check, so numbers from it may be wrong.")
    assert f"`python -m precompute experiment statistics {path}` makes it again." in said


def test_a_check_that_did_not_come_to_its_end_says_nothing_of_the_store(path, monkeypatch):
    monkeypatch.setenv("PYTHONHOME", "/nowhere")  # no Python starts so
    said = check_apart(path)
    assert said.startswith("This store could not be checked: ")
    assert "fails" not in said


def test_a_check_gives_way_to_whoever_looks_at_pages():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        let_others_first(process.pid)
        assert psutil.Process(process.pid).nice() > psutil.Process().nice()
        process.communicate(b"\n")
    let_others_first(process.pid)  # it has ended: nothing happens


def test_of_a_store_that_passes_nothing_is_said(path, show):
    assert found(StoreFile("demo", path)) == ""
    assert "its check" not in show(store="demo").words


def test_before_the_check_has_ended_the_page_is_there(path, show):
    assert "its check" not in show(store="demo").words
    assert cache.store_checks().of(StoreFile("demo", path)) is None
