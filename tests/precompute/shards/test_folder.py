"""Side files: whole or absent, and of one run only."""

import numpy as np
import pytest

from precompute.errors import DiskError, OptionError
from precompute.shards.folder import opened

RUN = {"MODEL": "alexnet", "--top-k": 25}


def test_arrays_come_back_as_they_were(tmp_path):
    arrays = {"map": np.arange(6.0).reshape(2, 3), "text": np.array(["a", "été"]), "none": np.empty((0, 4), np.float16)}
    with opened(tmp_path / "side", RUN, resume=False) as folder:
        folder.write("one", arrays)
        assert folder.names("one") == arrays.keys()
        for name, array in arrays.items():
            np.testing.assert_array_equal(folder.read("one", name), array)


def test_a_shard_that_fails_half_way_is_not_there(tmp_path):
    class Broken:
        def __array__(self, dtype=None, copy=None):
            raise RuntimeError("half-way")

    with opened(tmp_path / "side", RUN, resume=False) as folder:
        with pytest.raises(RuntimeError):
            folder.write("one", {"good": np.ones(3), "bad": Broken()})
        assert not folder.has("one")
        folder.write("one", {"good": np.ones(3)})
        assert folder.has("one")


def test_what_a_stopped_run_left_is_kept_for_those_who_resume(tmp_path):
    with opened(tmp_path / "side", RUN, resume=False) as folder:
        folder.write("one", {"x": np.ones(1)})
    with pytest.raises(OptionError, match="--resume"), opened(tmp_path / "side", RUN, resume=False):
        pass
    with opened(tmp_path / "side", RUN, resume=True) as folder:
        assert folder.has("one")


def test_a_run_that_left_nothing_can_start_with_other_options(tmp_path):
    with opened(tmp_path / "side", RUN, resume=False):
        pass
    with opened(tmp_path / "side", RUN | {"--top-k": 9}, resume=False):
        pass


def test_every_changed_option_is_named(tmp_path):
    with opened(tmp_path / "side", RUN, resume=False) as folder:
        folder.write("one", {"x": np.ones(1)})
    with (
        pytest.raises(OptionError, match="MODEL was 'alexnet', now 'vgg11'; --top-k was 25, now 9"),
        opened(tmp_path / "side", {"MODEL": "vgg11", "--top-k": 9}, resume=True),
    ):
        pass


def test_what_was_settled_at_the_start_stays(tmp_path):
    with opened(tmp_path / "side", RUN, resume=False) as folder:
        assert folder.settled("choice", {"methods": ["gradient"]}) == {"methods": ["gradient"]}
        folder.write("one", {"x": np.ones(1)})
    with opened(tmp_path / "side", RUN, resume=True) as folder:
        assert folder.settled("choice", {"methods": []}) == {"methods": ["gradient"]}


def test_two_runs_never_share_side_files(tmp_path):
    with (
        opened(tmp_path / "side", RUN, resume=False),
        pytest.raises(DiskError, match="another run"),
        opened(tmp_path / "side", RUN, resume=True),
    ):
        pass


def test_a_place_that_cannot_hold_a_folder_gets_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="--out"), opened(tmp_path / "file" / "side", RUN, resume=False):
        pass
