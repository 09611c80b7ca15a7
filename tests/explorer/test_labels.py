"""Labels that people give to units, beside a store that is never written."""

import csv
import multiprocessing
import os
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer import beside_store, labels, saved_what_ifs
from explorer.labels import LABELS, Label
from precompute.errors import DiskError, OptionError
from precompute.store.lock import alone
from tests.explorer.conftest import FULL
from tests.explorer.conftest import put as put_store

HOSTILE = [
    "<script>alert(1)</script>",
    "$x$ [a](b) | :red[x]",
    "שלום",
    "🔬",
    "\ud800",
    '"; rm -rf, "',
    "=1+1",
    "a" * 120,
]
LAYER = "features.10"


@pytest.fixture
def store(tmp_path):
    return tmp_path / "demo.h5"


def test_without_a_file_there_are_none(store):
    assert LABELS.load(store) == ()


@pytest.mark.parametrize("text", ["=1+1", "'=1+1", "''=1+1", "+1", "-a", "@a", "'quoted'", "'", "a=1", "'a"])
def test_no_label_is_computed_by_a_spreadsheet_and_each_is_read_back_as_it_was(text):
    written = LABELS.write([Label(LAYER, 1, text, text, note=text)])
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in next(csv.reader(written.splitlines()[1:])))
    assert LABELS.read(written) == (Label(LAYER, 1, text, text, note=text),)


@given(st.text(alphabet="'=+-@ \ta1", min_size=1, max_size=8).filter(str.strip))
def test_whatever_a_label_begins_with_it_is_read_back(text):
    assert LABELS.read(LABELS.write([Label(LAYER, 1, "Ada", text)])) == (Label(LAYER, 1, "Ada", text),)


def test_a_file_without_apostrophes_is_taken_in_as_it_is():
    file = LABELS.write([Label(LAYER, 1, "Ada", "MINE")])
    assert LABELS.read(file.replace("MINE", "=1+1"))[0].text == "=1+1"


def test_a_rater_has_one_label_for_a_unit_and_others_keep_theirs(store):
    LABELS.put(store, Label("a", 1, "Ada", "kite"))
    LABELS.put(store, Label("a", 1, "Bo", "star", "guess", "or fish"))
    LABELS.put(store, Label("a", 1, "Ada", "kite on grass", "sure"), Label("b", 1, "Ada", "sea"))
    assert LABELS.load(store) == (
        Label("a", 1, "Bo", "star", "guess", "or fish"),
        Label("a", 1, "Ada", "kite on grass", "sure"),
        Label("b", 1, "Ada", "sea"),
    )
    LABELS.remove(store, ("a", 1, "Bo"))
    assert [label.rater for label in LABELS.load(store)] == ["Ada", "Ada"]
    assert sorted(path.name for path in store.parent.iterdir()) == ["demo.labels.csv"]


def test_several_servers_write_labels_and_what_ifs_beside_one_store_and_all_are_kept(store):
    servers = [
        multiprocessing.get_context("fork").Process(target=tell, args=(store, name)) for name in ("Ada", "Bo", "Cy")
    ]
    for server in servers:
        server.start()
    for server in servers:
        server.join()
        assert server.exitcode == 0
    assert sorted(label.of for label in LABELS.load(store)) == [
        ("a", unit, name) for unit in range(20) for name in ("Ada", "Bo", "Cy")
    ]
    assert {each.name for each in saved_what_ifs.load(store)} == {
        f"{name} {unit}" for unit in range(20) for name in ("Ada", "Bo", "Cy")
    }
    assert sorted(path.name for path in store.parent.iterdir()) == ["demo.labels.csv", "demo.what-ifs.json"]


def tell(store, name):
    for unit in range(20):
        LABELS.put(store, Label("a", unit, name, "kite"))
        saved_what_ifs.save(store, f"{name} {unit}", {"layer": "a", "units": "1"})


def test_where_another_program_holds_the_file_for_long_that_is_said(store, monkeypatch):
    monkeypatch.setattr(beside_store, "PATIENCE_S", 0.05)
    LABELS.put(store, Label("a", 1, "Ada", "kite"))
    with (
        alone(store.with_name(".demo.labels.csv.lock")),
        pytest.raises(DiskError, match="another program has been writing this file for long"),
    ):
        LABELS.put(store, Label("a", 2, "Ada", "star"))
    assert len(LABELS.load(store)) == 1


def test_a_link_in_the_place_of_the_file_is_followed_and_stays(store, tmp_path):
    shared = tmp_path / "shared" / "labels.csv"
    shared.parent.mkdir()
    LABELS.file_of(store).symlink_to(shared)
    LABELS.put(store, Label("a", 1, "Ada", "kite"))
    assert LABELS.file_of(store).is_symlink()
    assert LABELS.read(shared.read_text()) == LABELS.load(store) != ()
    assert [path.name for path in shared.parent.iterdir()] == ["labels.csv"]


def test_what_is_private_stays_so(store):
    LABELS.put(store, Label("a", 1, "Ada", "kite"))
    LABELS.file_of(store).chmod(0o600)
    LABELS.put(store, Label("a", 2, "Ada", "kite"))
    assert stat.S_IMODE(LABELS.file_of(store).stat().st_mode) == 0o600


@pytest.mark.parametrize("ending", ["lock", "part-{}"])
def test_nothing_is_written_through_a_link_that_somebody_has_put_there(store, tmp_path, ending):
    (tmp_path / "precious").write_text("precious")
    (tmp_path / f".demo.labels.csv.{ending.format(os.getpid())}").symlink_to("precious")
    with suppress(DiskError):
        LABELS.put(store, Label("a", 1, "Ada", "kite"))
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_pipe_or_a_device_in_the_place_of_the_file_is_not_waited_for(store):
    LABELS.file_of(store).symlink_to(os.devnull)
    with pytest.raises(DiskError, match="not a regular file"):
        LABELS.load(store)


def test_no_more_is_written_than_is_read_again(store, monkeypatch):
    LABELS.put(store, Label("a", 1, "Ada", "kite"))
    monkeypatch.setattr(beside_store, "MOST_BYTES", LABELS.file_of(store).stat().st_size + 9)
    with pytest.raises(DiskError, match="would have more than"):
        LABELS.put(store, Label("a", 2, "Ada", "kite"))
    assert len(LABELS.load(store)) == 1


def test_of_very_many_raters_those_with_most_labels_are_compared():
    few = [Label("a", 1, f"r{number}", "kite") for number in range(5000)]
    many = [Label("a", unit, name, "kite") for name in ("Ada", "Bo") for unit in range(2)]
    found = labels.pairs([*few, *many])
    assert len(found) == labels.MOST_COMPARED * (labels.MOST_COMPARED - 1) // 2
    assert found[0].raters == ("Ada", "Bo")


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_is_a_label(store, text):
    label = Label(text, 3, text[:60], text, "fair", f"{text}\r\n{text}\n")
    LABELS.put(store, label)
    assert LABELS.load(store) == (label,)


TEXT = st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=60).filter(str.strip)


@given(st.lists(st.builds(Label, st.text(), st.integers(0, 10**6), TEXT, TEXT, st.sampled_from(labels.CONFIDENCES))))
def test_what_is_written_is_read_again(given_labels):
    assert LABELS.read(LABELS.write(given_labels)) == tuple(given_labels)


def test_a_spreadsheet_may_have_saved_it(store):
    LABELS.file_of(store).write_text("layer,unit,rater,text,confidence,note\r\na,1,Ada,kite,sure,\r\n", "utf-8-sig")
    assert LABELS.load(store) == (Label("a", 1, "Ada", "kite", "sure"),)


@pytest.mark.parametrize(
    ("rater", "text", "confidence"),
    [("", "a", "fair"), ("a", " ", "fair"), ("a", "b" * 121, "fair"), ("a", "b", "very")],
)
def test_what_is_no_label_is_refused(rater, text, confidence):
    with pytest.raises(OptionError):
        Label("a", 1, rater, text, confidence)


def test_of_many_at_once_none_is_lost(store):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda unit: LABELS.put(store, Label("a", unit, "Ada", "kite")), range(40)))
    assert {label.unit for label in LABELS.load(store)} == set(range(40))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "begins with the line"),
        ("unit,label\n1,kite\n", "begins with the line"),
        ("layer,unit,rater,text,confidence,note\na,1,Ada\n", "row 2 has 3 cells"),
        ("layer,unit,rater,text,confidence,note\na,x,Ada,kite,sure,\n", "“x”, which is not a number"),
        ("layer,unit,rater,text,confidence,note\na,1,Ada,kite,very,\n", "row 2: There is no confidence"),
        ("layer,unit,rater,text,confidence,note\n" + 'a,1,"' + "b" * 200_000, "not a row of a CSV file"),
    ],
)
def test_a_file_that_cannot_be_understood_is_told_and_left_as_it_is(store, text, says):
    file = LABELS.file_of(store)
    file.write_text(text)
    with pytest.raises(DiskError, match=says):
        LABELS.put(store, Label("a", 1, "Ada", "kite"))
    assert file.read_text() == text


def test_a_unit_is_named_on_its_page(made, runs, show):
    path = put_store(made("full", FULL), runs)
    page = show("unit", store="demo", layer=LAYER, unit="2")
    before = path.read_bytes()
    name, text = (
        next(one for one in page.app.text_input if one.label == label) for label in ("Your name", "It answers to")
    )
    name.set_value("Ada <b>")
    text.set_value("kites & <i>stars</i>")
    next(button for button in page.app.button if button.label == "Save").click()
    page.app.run()
    assert LABELS.load(path) == (Label(LAYER, 2, "Ada <b>", "kites & <i>stars</i>"),)
    assert "Called “kites &amp; &lt;i&gt;stars&lt;/i&gt;” (Ada &lt;b&gt;, fair)" in re.sub("</?bdi>", "", page.words)
    assert path.read_bytes() == before
    next(button for button in page.app.button if button.label == "Take my label back").click()
    page.app.run()
    assert LABELS.load(path) == ()
    assert "kites" not in page.words
    LABELS.put(path, Label(LAYER, 2, "Ada", "kites"))
    assert "kites" not in show("unit", store="demo", layer=LAYER, unit="3").words


def test_a_label_without_words_is_refused_on_the_page(made, runs, show):
    path = put_store(made("full", FULL), runs)
    page = show("unit", store="demo", layer=LAYER, unit="2")
    next(button for button in page.app.button if button.label == "Save").click()
    page.app.run()
    assert "has 1 to 120 characters" in page.words
    assert LABELS.load(path) == ()


def test_a_file_that_cannot_be_read_is_told_on_the_page_and_the_rest_is_shown(made, runs, show):
    path = put_store(made("full", FULL), runs)
    LABELS.file_of(path).write_text("nonsense")
    page = show("unit", store="demo", layer=LAYER, unit="2")
    assert "cannot be read" in page.words
    assert page.charts()


def test_raters_who_named_the_same_units_are_compared_on_these():
    given_labels = [
        Label("a", 1, "Ada", "Red  kite"),
        Label("a", 2, "Ada", "sea"),
        Label("a", 3, "Ada", "sea"),
        Label("a", 1, "Bo", "red kite"),
        Label("a", 2, "Bo", "sky"),
        Label("b", 3, "Bo", "sea"),
        Label("a", 9, "Cy", "sea"),
    ]
    (pair,) = labels.pairs(given_labels)
    assert pair == labels.Pair(("Ada", "Bo"), ("red kite", "sea"), ("red kite", "sky"))


def test_the_overview_says_how_far_raters_agree(made, runs, show):
    path = put_store(made("full", FULL), runs)
    assert "what people call units" not in show(store="demo").words
    for unit, (ours, theirs) in enumerate([("a", "a"), ("b", "b"), ("a", "b"), ("b", "b"), ("a", "a"), ("b", "a")]):
        LABELS.put(path, Label(LAYER, unit, "<i>Ada", ours), Label(LAYER, unit, "Bo", theirs))
    words = show(store="demo").words
    assert "&lt;i&gt;Ada and Bo" in words
    assert '<td class="us-number">6</td><td class="us-number">4</td><td class="us-number">0.33</td>' in words
    # Of "a": three times by each, twice by both, so 2 of 4 units that either calls so; 2 / 3 of the times.
    cells = ["a", "3", "3", "2", "67 %", "13 % to 97 %", "0.33", "–"]
    assert re.sub(r"<td[^>]*>", "<td>", words).count("".join(f"<td>{cell}</td>" for cell in cells)) == 1


@pytest.mark.parametrize(
    ("file", "says", "n"),
    [
        (
            f"layer,unit,rater,text,confidence,note\n{LAYER},3,Bo,sky,sure,\n{LAYER},2,Ada,sea,sure,\n",
            "Taken in: 2 labels",
            2,
        ),
        (f"layer,unit,rater,text,confidence,note\n{LAYER},6,Bo,sky,sure,\n", f"no unit {LAYER}:6", 1),
        ("nonsense", "begins with the line", 1),
        (b"\xff\xfe", "not text in UTF-8", 1),
    ],
)
def test_labels_of_a_file_are_taken_in_or_none_of_them(made, runs, show, file, says, n):
    path = put_store(made("full", FULL), runs)
    LABELS.put(path, Label(LAYER, 2, "Ada", "kite"))
    page = show(store="demo")
    content = file if isinstance(file, bytes) else file.encode()
    page.app.file_uploader[0].upload("labels.csv", content, "text/csv").run()
    assert says in page.words
    assert len(LABELS.load(path)) == n
    assert LABELS.load(path)[-1].text == ("sea" if n == 2 else "kite")
