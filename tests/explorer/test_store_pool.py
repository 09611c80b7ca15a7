"""Open stores and files that change."""

import shutil

import pytest

from explorer.store_files import StoreFile
from explorer.store_pool import StorePool
from precompute.errors import StoreMissing
from tests.explorer.conftest import THOUSAND, put


@pytest.fixture
def source(made, runs):
    return StoreFile("demo", put(made("full"), runs))


def test_a_store_is_opened_once(source):
    handles = StorePool()
    assert handles.store_of(source) is handles.store_of(source)


def test_a_replaced_file_is_opened_anew_and_the_old_handle_goes_on_reading(source, made, runs):
    handles = StorePool()
    before = handles.store_of(source)
    put(made("thousand", THOUSAND), runs, "new").replace(source.path)
    assert len(handles.store_of(source).classes) == 1000
    assert len(before.classes) == 12


def test_a_file_overwritten_in_place_is_read_by_its_new_layout(source, made):
    handles = StorePool()
    handles.store_of(source).layer("features.10").activation(0)
    shutil.copyfile(made("thousand", THOUSAND), source.path)
    assert len(handles.store_of(source).layer("layer4").activation(0).max) == 1000


def test_a_file_that_went_away_is_missing(source):
    handles = StorePool()
    handles.store_of(source)
    source.path.unlink()
    with pytest.raises(StoreMissing):
        handles.store_of(source)
