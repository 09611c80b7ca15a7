"""Of two that write one store each is there afterwards, and nothing but a file is ever replaced."""

import os
import socket
from pathlib import Path

import pytest

from precompute.errors import DiskError, StoreChanged
from precompute.store.place import held, identity_of, own_part, parts_of, place_of, put, remove_left
from precompute.store.writer import StoreWriter


def test_a_part_replaces_what_it_was_made_from(tmp_path):
    place, part = tmp_path / "a.h5", tmp_path / "a.h5.1-a.part"
    place.write_text("earlier")
    part.write_text("later")
    put(part, place, instead_of=identity_of(place))
    assert place.read_text() == "later"
    assert not part.exists()


@pytest.mark.parametrize("meanwhile", [b"another one", None])
def test_what_was_not_looked_at_is_not_replaced(tmp_path, meanwhile):
    place, part = tmp_path / "a.h5", tmp_path / "a.h5.1-a.part"
    place.write_text("earlier")
    before = identity_of(place)
    part.write_text("later")
    if meanwhile is None:
        place.unlink()
    else:
        (tmp_path / "b").write_bytes(meanwhile)
        (tmp_path / "b").replace(place)
    with pytest.raises(StoreChanged):
        put(part, place, instead_of=before)
    assert meanwhile is None or place.read_bytes() == meanwhile


def test_one_that_stands_still_before_its_last_step_cannot_do_it_after_another_did(tmp_path):
    place = tmp_path / "a.h5"
    place.write_text("earlier")
    slow, quick = tmp_path / "a.h5.1-a.part", tmp_path / "a.h5.2-b.part"
    slow.write_text("slow")
    quick.write_text("quick")
    put(quick, place, instead_of=identity_of(place))
    with pytest.raises(FileNotFoundError):  # the step itself, whatever it had looked at before
        slow.replace(place)
    assert place.read_text() == "quick"


def test_a_store_that_a_run_puts_in_place_ends_what_experiments_add_to_the_earlier_one(tmp_path):
    place, run, experiment = tmp_path / "a.h5", tmp_path / "a.h5.part", tmp_path / "a.h5.7-c.part"
    for path in (place, run, experiment):
        path.write_text(path.name)
    before = identity_of(place)
    put(run, place)
    assert place.read_text() == "a.h5.part"
    with pytest.raises(StoreChanged):
        put(experiment, place, instead_of=before)


def test_parts_of_writers_that_are_gone_are_named_and_removed_and_those_of_others_stay(tmp_path):
    place = tmp_path / "a.h5"
    for name in ("a.h5", "a.h5.11.part", "a.h5.12-ab.part", "a.h5.13-cd.part", "a.h5.part.14-ef.part"):
        (tmp_path / name).write_text("")
    for name in ("b.h5.11.part", "a.h5.x.part", "a.h5.11.party", "ah5.11.part"):
        (tmp_path / name).write_text("no part of this store")
    with held(tmp_path / "a.h5.12-ab.part"):
        assert {part.path.name: part.alive for part in parts_of(place)} == {
            "a.h5.11.part": False,
            "a.h5.12-ab.part": True,
            "a.h5.13-cd.part": False,
            "a.h5.part.14-ef.part": False,
        }
        remove_left(place)
        assert [part.path.name for part in parts_of(place)] == ["a.h5.12-ab.part"]
    assert len(list(tmp_path.iterdir())) == 6


def test_a_writer_holds_its_part_for_as_long_as_it_lives(tmp_path):
    with StoreWriter(tmp_path / "a.h5", part=own_part(tmp_path / "a.h5")):
        (part,) = parts_of(tmp_path / "a.h5")
        assert part.alive
        assert "at this moment" in str(part)
    assert parts_of(tmp_path / "a.h5") == []


def test_two_programs_of_the_same_number_write_different_parts(tmp_path):
    assert own_part(tmp_path / "a.h5") != own_part(tmp_path / "a.h5")


# What may lie there


def make_socket(path):
    home = Path.cwd()
    os.chdir(path.parent)  # a socket's name is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(home)


@pytest.mark.parametrize(
    ("make", "kind"),
    [(lambda path: path.mkdir(), "folder"), (os.mkfifo, "pipe"), (make_socket, "socket")],
)
def test_what_is_no_file_is_refused_by_its_kind(tmp_path, make, kind):
    make(tmp_path / "a.h5")
    with pytest.raises(DiskError, match=f"is a {kind}"):
        place_of(tmp_path / "a.h5")


def test_a_device_is_refused():
    with pytest.raises(DiskError, match="is a device"):
        place_of(Path(os.devnull))


def test_the_root_of_the_disk_is_refused():
    with pytest.raises(DiskError, match="/ is a folder"):
        place_of(Path("/"))


def test_links_are_followed_also_to_where_nothing_lies_yet(tmp_path):
    (tmp_path / "large").mkdir()
    (tmp_path / "a.h5").symlink_to("large/b.h5")
    assert place_of(tmp_path / "a.h5") == tmp_path / "large" / "b.h5"


def test_a_link_that_leads_to_itself_is_refused(tmp_path):
    (tmp_path / "a.h5").symlink_to("a.h5")
    with pytest.raises(DiskError, match=r"a\.h5"):
        place_of(tmp_path / "a.h5")


def test_a_name_that_leaves_no_room_for_those_beside_it_is_refused(tmp_path):
    with pytest.raises(DiskError, match="File name too long"):
        place_of(tmp_path / f"{'a' * 245}.h5")
    assert place_of(tmp_path / f"{'a' * 200}.h5").name.startswith("aaa")


def test_a_pipe_that_is_named_like_a_part_is_none(tmp_path):
    pipe = tmp_path / "a.h5.1-a.part"
    os.mkfifo(pipe)
    open_end = os.open(pipe, os.O_RDWR)  # so that nobody waits for it, whatever they do
    remove_left(tmp_path / "a.h5")
    os.close(open_end)
    assert pipe.is_fifo()
