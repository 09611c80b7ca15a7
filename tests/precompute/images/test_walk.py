import os
import subprocess

import pytest

from precompute.images.walk import files_below


@pytest.fixture
def root(tmp_path):
    (tmp_path / "set/cat/sub").mkdir(parents=True)
    (tmp_path / "set/cat/a.png").touch()
    (tmp_path / "set/cat/sub/b.png").touch()
    return tmp_path / "set"


def listed(root):
    return sorted(files_below(root, "cat"))


def test_links_to_files_and_folders_are_followed(root, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other/c.png").touch()
    (root / "cat/linked").symlink_to(tmp_path / "other")
    (root / "cat/d.png").symlink_to(tmp_path / "other/c.png")
    assert listed(root) == ["a.png", "d.png", "linked/c.png", "sub/b.png"]


def test_links_that_lead_to_no_file_are_listed_to_be_told(root):
    os.mkfifo(root / "pipe")
    (root / "cat/gone.png").symlink_to("nowhere")
    (root / "cat/self.png").symlink_to("self.png")
    (root / "cat/pipe.png").symlink_to(root / "pipe")
    assert listed(root) == ["a.png", "gone.png", "pipe.png", "self.png", "sub/b.png"]


def test_pipes_are_left_alone(root):
    os.mkfifo(root / "cat/x.png")
    assert listed(root) == ["a.png", "sub/b.png"]


@pytest.mark.parametrize("target", [".", "..", "../../set/cat", "sub/.."])
def test_a_link_that_leads_back_is_refused(root, target):
    (root / "cat/loop").symlink_to(target)
    with pytest.raises(OSError, match="a link leads back to a folder that it lies in"):
        listed(root)


def test_two_folders_that_lead_to_each_other_are_refused(root, tmp_path):
    (tmp_path / "other").mkdir()
    (root / "cat/there").symlink_to(tmp_path / "other")
    (tmp_path / "other/back").symlink_to(root / "cat")
    with pytest.raises(OSError, match="leads back"):
        listed(root)


def test_two_links_to_one_folder_are_no_loop(root):
    (root / "cat/twice").symlink_to("sub")
    assert listed(root) == ["a.png", "sub/b.png", "twice/b.png"]


def test_folders_may_be_very_deep(root):
    place = root / "cat"
    for _ in range(1200):
        place /= "d"
        place.mkdir()
    (place / "deep.png").touch()
    found = listed(root)
    # Removed here: pytest's own cleaning goes down by recursion and would fail.
    subprocess.run(["rm", "-rf", root / "cat/d"], check=True)
    assert found[1] == "d/" * 1200 + "deep.png"
