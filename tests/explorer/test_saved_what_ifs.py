"""What-ifs kept by name beside a store."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from explorer import saved_what_ifs
from explorer.saved_what_ifs import SavedWhatIf, load, remove, save
from precompute.errors import DiskError, OptionError

HOSTILE = ["<script>alert(1)</script>", "$x$ [a](b) | :red[x]", "שלום", "🔬\n🔬", "\ud800", '"; rm -rf', "a" * 120]


@pytest.fixture
def store(tmp_path):
    return tmp_path / "demo.h5"


def test_without_a_file_there_are_none(store):
    assert load(store) == ()


def test_what_is_saved_is_there_by_name_and_a_name_is_used_once(store):
    save(store, " kites ", {"layer": "a", "units": "1, 2", "unit": "9"})
    save(store, "boats", {"layer": "b", "units": "3", "change": "scale:2", "on": "4"})
    save(store, "kites", {"layer": "c", "units": "5"})
    assert load(store) == (
        SavedWhatIf("boats", {"layer": "b", "units": "3", "change": "scale:2", "on": "4"}),
        SavedWhatIf("kites", {"layer": "c", "units": "5"}),
    )
    remove(store, "boats")
    remove(store, "nobody")
    assert [each.name for each in load(store)] == ["kites"]
    assert sorted(path.name for path in store.parent.iterdir()) == ["demo.what-ifs.json"]


@pytest.mark.parametrize("name", HOSTILE)
def test_any_text_is_a_name(store, name):
    save(store, name, {"layer": name, "units": "1"})
    assert load(store)[0] == SavedWhatIf(" ".join(name.split()), {"layer": name, "units": "1"})


@pytest.mark.parametrize("name", ["", " \n", "a" * 121])
def test_no_name_and_a_long_one_are_refused(store, name):
    with pytest.raises(OptionError, match="1 to 120"):
        save(store, name, {})


def test_of_many_at_once_none_is_lost(store):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: save(store, f"n{number}", {"units": str(number)}), range(40)))
    assert {each.name for each in load(store)} == {f"n{number}" for number in range(40)}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"what_ifs": 3}', '{"what_ifs": [{"name": "a"}]}', "[" * 100_000])
def test_a_file_that_cannot_be_understood_is_told_and_left_as_it_is(store, text):
    file = saved_what_ifs.file_of(store)
    file.write_text(text)
    with pytest.raises(DiskError, match="cannot be read"):
        save(store, "a", {})
    assert file.read_text() == text


def test_a_file_of_more_than_a_page_can_show_is_told(store):
    told = {"what_ifs": [{"name": str(number), "asked": {}} for number in range(saved_what_ifs.MOST_SAVED + 1)]}
    saved_what_ifs.file_of(store).write_text(json.dumps(told))
    with pytest.raises(DiskError, match="it holds 501 of them"):
        load(store)


def test_a_file_of_somebody_elses_gives_known_parts_alone(store):
    told = {"what_ifs": [{"name": 7, "asked": {"units": 3, "store": "../x", "layer": "a"}, "more": 1}]}
    saved_what_ifs.file_of(store).write_text(json.dumps(told))
    assert load(store) == (SavedWhatIf("7", {"layer": "a", "units": "3"}),)


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(DiskError, match="cannot be written"):
        save(tmp_path / "none" / "demo.h5", "a", {})
