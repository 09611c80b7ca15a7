import os
import subprocess
from pathlib import Path

import pytest

from precompute.images.walk import LEADS_OUT, as_text, broken_links_in, files_below, folders_in


@pytest.fixture
def root(tmp_path):
    (tmp_path / "set/cat/sub").mkdir(parents=True)
    (tmp_path / "set/cat/a.png").touch()
    (tmp_path / "set/cat/sub/b.png").touch()
    return tmp_path / "set"


def listed(root, **options):
    return sorted(path for path, reason in files_below(root, "cat", **options) if reason is None)


def left_out(root, **options):
    return {path: reason for path, reason in files_below(root, "cat", **options) if reason is not None}


@pytest.fixture
def linked(root, tmp_path):
    """A folder with a link to a file and a link to a folder that lie elsewhere."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other/c.png").touch()
    (root / "cat/linked").symlink_to(tmp_path / "other")
    (root / "cat/d.png").symlink_to(tmp_path / "other/c.png")
    return root


def test_links_that_lead_out_are_left_out_and_the_reason_names_the_option(linked):
    assert listed(linked) == ["a.png", "sub/b.png"]
    assert left_out(linked) == {"linked": LEADS_OUT, "d.png": LEADS_OUT}
    assert "--follow-links" in LEADS_OUT


def test_links_that_lead_out_are_followed_where_that_is_asked_for(linked):
    assert listed(linked, follow_links=True) == ["a.png", "d.png", "linked/c.png", "sub/b.png"]
    assert left_out(linked, follow_links=True) == {}


def test_a_folder_beside_with_the_same_beginning_is_outside(root, tmp_path):
    (tmp_path / "set2").mkdir()
    (tmp_path / "set2/c.png").touch()
    (root / "cat/c.png").symlink_to(tmp_path / "set2/c.png")
    assert left_out(root) == {"c.png": LEADS_OUT}


def test_links_inside_are_followed(root):
    (root / "dog").mkdir()
    (root / "dog/1.png").touch()
    (root / "cat/1.png").symlink_to("../dog/1.png")
    (root / "cat/twice").symlink_to("sub")
    assert listed(root) == ["1.png", "a.png", "sub/b.png", "twice/b.png"]


def test_a_folder_that_is_itself_behind_a_link_holds_its_files(linked, tmp_path):
    (tmp_path / "name").symlink_to(linked)
    assert listed(tmp_path / "name") == ["a.png", "sub/b.png"]


def test_links_that_lead_to_no_file_are_left_out_by_their_reason(root):
    os.mkfifo(root / "pipe")
    (root / "cat/gone.png").symlink_to("nowhere")
    (root / "cat/self.png").symlink_to("self.png")
    (root / "cat/pipe.png").symlink_to(root / "pipe")
    for follow_links in (False, True):
        assert left_out(root, follow_links=follow_links) == {
            "gone.png": "a link that leads nowhere",
            "self.png": "a link that leads to itself",
            "pipe.png": "a link to a pipe, a socket or a device",
        }
        assert listed(root, follow_links=follow_links) == ["a.png", "sub/b.png"]


def test_pipes_are_left_alone(root):
    os.mkfifo(root / "cat/x.png")
    assert listed(root) == ["a.png", "sub/b.png"]
    assert left_out(root) == {}


@pytest.mark.parametrize("target", [".", "..", "../../set/cat", "sub/..", "../..", "/"])
def test_a_link_that_leads_back_is_left_out_and_the_rest_is_listed(root, target):
    (root / "cat/loop").symlink_to(target)
    assert listed(root, follow_links=True) == ["a.png", "sub/b.png"]
    assert left_out(root, follow_links=True) == {"loop": "a link that leads back to a folder that it lies in"}


def test_of_two_folders_that_lead_to_each_other_each_is_listed_once(root, tmp_path):
    (tmp_path / "other").mkdir()
    (root / "cat/there").symlink_to(tmp_path / "other")
    (tmp_path / "other/back").symlink_to(root / "cat")
    assert listed(root, follow_links=True) == ["a.png", "sub/b.png"]
    assert list(left_out(root, follow_links=True)) == ["there/back"]


def test_names_that_are_not_utf_8_are_left_out_files_and_folders(root):
    for name in (b"\xff.png", b"gr\xfcn"):
        place = os.fsencode(root / "cat") + b"/" + name
        Path(os.fsdecode(place)).touch() if name.endswith(b"png") else Path(os.fsdecode(place)).mkdir()
    Path(os.fsdecode(os.fsencode(root / "cat") + b"/gr\xfcn/1.png")).touch()
    assert listed(root) == ["a.png", "sub/b.png"]
    assert {as_text(path): reason for path, reason in left_out(root).items()} == dict.fromkeys(
        [r"\udcff.png", r"gr\udcfcn"], "its name is not UTF-8"
    )


def test_links_back_up_beside_the_class_folders_are_no_folders(root):
    (root / "loop").symlink_to(".")
    (root / "gone").symlink_to("nowhere")
    (root / "also_cat").symlink_to("cat")
    (root / "notes").symlink_to("cat/a.png")
    assert folders_in(root) == ["also_cat", "cat"]
    assert broken_links_in(root) == ["gone", "loop"]


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
