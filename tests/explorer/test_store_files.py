"""Which stores the app offers."""

import os
import sys
from pathlib import Path

import pytest

from explorer.store_files import AppOptions, StoreFile, app_options, find_store_files
from precompute.errors import OptionError, StoreMissing
from tests.explorer.conftest import put


def test_the_newest_store_of_the_runs_folder_comes_first(runs):
    for age, name in enumerate(("new", "older", "oldest")):
        (runs / f"{name}.h5").touch()
        os.utime(runs / f"{name}.h5", (1000 - age, 1000 - age))
    assert [source.name for source in find_store_files(["pytest"])] == ["new", "older", "oldest"]


def test_part_files_and_folders_are_no_stores(runs):
    (runs / "demo.h5.part-17").touch()
    (runs / ".hidden.h5").touch()
    (runs / "folder.h5").mkdir()
    assert find_store_files(["pytest"]) == ()


def test_a_name_of_which_the_system_says_nothing_hides_no_other_store(runs):
    """As a link into a folder that nobody else may read; here one whose target's name is too long."""
    (runs / "good.h5").touch()
    (runs / "far.h5").symlink_to("x" * 300)
    (runs / "loop.h5").symlink_to("loop.h5")
    assert [source.name for source in find_store_files(["pytest"])] == ["good"]
    with pytest.raises(StoreMissing):
        find_store_files(["app.py", "--store", "x" * 300])


def test_a_runs_folder_that_is_not_there_holds_no_store(runs):
    runs.rmdir()
    assert find_store_files(["pytest"]) == ()


def test_the_arguments_of_another_program_are_not_read(runs):
    assert find_store_files(["pytest", "--store", "x.h5", "-q"]) == ()


def test_a_store_argument_stands_alone(runs, tmp_path):
    (runs / "demo.h5").touch()
    asked = tmp_path / "mine.h5"
    asked.touch()
    assert find_store_files(["app.py", "--store", str(asked)]) == (StoreFile("mine", asked),)


def test_code_is_not_allowed_unless_it_is_said():
    assert app_options(["app.py"]) == app_options(["pytest", "--allow-code"]) == AppOptions()
    assert app_options(["app.py", "--allow-code"]).allow_code
    images = app_options(["app.py", "--store", "x.h5", "--images", "there"]).images
    assert images == Path("there")


def test_images_are_those_of_one_store(runs):
    with pytest.raises(OptionError, match="name the store"):
        find_store_files(["app.py", "--images", "there"])


@pytest.mark.parametrize("arguments", [["--store"], ["store.h5"], ["--st", "x.h5"]])
def test_arguments_that_make_no_sense_are_named(arguments, runs):
    with pytest.raises(OptionError, match=r"streamlit run app\.py"):
        find_store_files(["app.py", *arguments])


def test_a_file_that_is_gone_is_missing_rather_than_an_os_error(tmp_path):
    with pytest.raises(StoreMissing):
        _ = StoreFile("x", tmp_path / "x.h5").signature


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="there the name of a file is always text")
def test_a_store_whose_name_is_no_text_is_shown_under_one_that_is(made, runs, show):
    for name in (b"a\xffb", b"c\n\x1b[31m"):
        put(made("full"), runs, os.fsdecode(name))
    assert {source.name for source in find_store_files([])} == {r"a\udcffb", r"c\n\x1b[31m"}
    for page in ("overview", "layer", "compare"):
        shown = show(page, store=r"a\udcffb")
        assert shown.charts()
        assert "This cannot be shown" not in shown.words
