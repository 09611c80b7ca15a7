import importlib
import json
import re
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from precompute.errors import ClassError, OptionError
from precompute.images.classes import resolve_classes

TENCH, RETRIEVER, TISSUE = "n01440764", "n02099601", "n15075141"


def classes_file(tmp_path, content):
    path = tmp_path / "classes.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_as_many_folders_as_outputs_are_the_outputs_in_sorted_order():
    table = resolve_classes(["ant", "bee", "red_fox"], 3)
    assert table.names == ("ant", "bee", "red_fox")
    assert table.titles == ("ant", "bee", "red fox")
    assert table.output_index.dtype == np.int32
    assert table.output_index.tolist() == [0, 1, 2]


def test_folders_keep_their_order_and_get_the_sorted_outputs():
    assert resolve_classes(["bee", "ant"], 2).output_index.tolist() == [1, 0]


def test_wordnet_ids_are_looked_up_for_a_thousand_outputs():
    table = resolve_classes([TENCH, RETRIEVER, TISSUE], 1000)
    assert table.output_index.tolist() == [0, 207, 999]
    assert table.titles == ("tench", "golden retriever", "toilet tissue")


def test_a_wordnet_id_has_its_title_whatever_the_network():
    assert resolve_classes([TENCH, "carp"], 2).titles == ("tench", "carp")


@pytest.mark.parametrize("folders", [["ant", "bee"], [TENCH, "bee"]])
def test_a_guess_is_refused_with_both_numbers_and_an_example(folders):
    with pytest.raises(ClassError) as error:
        resolve_classes(folders, 1000)
    assert "1,000 outputs" in str(error.value)
    assert "2 class folders" in str(error.value)
    assert ("(bee)" in str(error.value)) == (TENCH in folders)
    example = re.search(r"\{.*\}", str(error.value)).group()
    assert json.loads(example) == {folders[0]: 0, folders[1]: 1}


def test_wordnet_ids_are_not_looked_up_for_other_numbers_of_outputs():
    with pytest.raises(ClassError, match="10 outputs and there are 2 class folders"):
        resolve_classes([TENCH, TISSUE], 10)


def test_more_folders_than_outputs_must_go():
    with pytest.raises(ClassError, match=r"2 outputs and there are 3 class folders.*Remove the folders"):
        resolve_classes(list("abc"), 2)


def test_a_classes_file_decides_and_may_hold_more(tmp_path):
    path = classes_file(tmp_path, {"ant": 4, "bee": 0, "cow": 99})
    table = resolve_classes(["ant", "bee"], 5, path)
    assert table.output_index.tolist() == [4, 0]
    assert resolve_classes(["ant", "bee"], 5, str(path)).output_index.tolist() == [4, 0]


def test_a_classes_file_overrides_the_sorted_order(tmp_path):
    path = classes_file(tmp_path, {"ant": 1, "bee": 0})
    assert resolve_classes(["ant", "bee"], 2, path).output_index.tolist() == [1, 0]


def test_what_a_classes_file_names_beside_the_classes_is_told(tmp_path):
    path = classes_file(tmp_path, {"ant": 1, "bee": 0, "cow": 2, "bees": 7})
    table = resolve_classes(["ant", "bee"], 5, path)
    assert table.stray == ("cow", "bees")
    assert table.told()[1].endswith("classes that these images do not have: cow, bees")
    with pytest.raises(ClassError, match=r"no output is given for wasp; it also names cow, bees\. Give"):
        resolve_classes(["ant", "bee", "wasp"], 5, path)


def test_a_class_that_a_file_gives_twice_is_named(tmp_path):
    with pytest.raises(ClassError, match="given twice: ant"):
        resolve_classes(["ant"], 5, classes_file(tmp_path, '{"ant": 1, "ant": 2}'))


def test_a_mark_at_the_beginning_of_a_classes_file_is_no_mistake(tmp_path):
    path = tmp_path / "classes.json"
    path.write_text('{"ant": 1}', encoding="utf-8-sig")
    assert resolve_classes(["ant"], 5, path).output_index.tolist() == [1]


@pytest.mark.parametrize("content", [b'{"ant": "\xff"}', b"[" * 100_000])
def test_bytes_that_are_no_json_are_refused(tmp_path, content):
    path = tmp_path / "classes.json"
    path.write_bytes(content)
    with pytest.raises(ClassError, match="this is not JSON"):
        resolve_classes(["ant"], 5, path)


@pytest.mark.parametrize("content", [["owl", "ant", "bee"], {"0": "owl", "2": "bee", "1": "ant"}])
def test_names_in_the_order_of_their_outputs_are_taken(tmp_path, content):
    table = resolve_classes(["ant", "bee", "owl"], 3, classes_file(tmp_path, content))
    assert table.output_index.tolist() == [1, 2, 0]


def test_numbers_that_are_names_too_are_not_turned_round(tmp_path):
    with pytest.raises(ClassError, match="not a whole number"):
        resolve_classes(["0", "1"], 2, classes_file(tmp_path, {"0": "1", "1": "0"}))


def test_a_name_that_stands_for_two_outputs_is_refused(tmp_path):
    with pytest.raises(ClassError, match="given twice: ant"):
        resolve_classes(["ant", "bee"], 3, classes_file(tmp_path, ["ant", "bee", "ant"]))


def test_a_file_may_write_accents_in_another_way_than_the_folders(tmp_path):
    folders = [unicodedata.normalize("NFD", name) for name in ("café", "jalapeño", "zoo")]
    file = classes_file(tmp_path, {"jalapeño": 0, "café": 2, "zoo": 1, "thé": 3})
    table = resolve_classes(folders, 4, file)
    assert table.names == tuple(folders)
    assert table.output_index.tolist() == [2, 0, 1]
    assert table.stray == ("thé",)


def test_folders_that_differ_in_how_an_accent_is_written_need_an_entry_each(tmp_path):
    folders = sorted(unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
    assert resolve_classes(folders, 2, classes_file(tmp_path, {folders[0]: 1, folders[1]: 0})).stray == ()
    with pytest.raises(ClassError, match="no output is given for"):
        resolve_classes(folders, 2, classes_file(tmp_path, {folders[1]: 0}))


def test_numbers_in_folders_are_outputs_by_the_order_that_is_asked_for():
    names = sorted(map(str, range(11)))
    with pytest.raises(ClassError, match="--class-order"):
        resolve_classes(names, 11)
    assert resolve_classes(names, 11, None, "number").output_index.tolist() == [int(name) for name in names]
    assert resolve_classes(names, 11, None, "text").output_index.tolist() == list(range(11))


def test_a_file_and_an_order_are_not_given_together(tmp_path):
    with pytest.raises(OptionError, match="leave --class-order text out"):
        resolve_classes(["ant"], 5, classes_file(tmp_path, {"ant": 1}), "text")


def test_how_outputs_were_given_is_told_with_the_first_few(tmp_path):
    path = classes_file(tmp_path, {"ant": 4, "bee": 0})
    assert resolve_classes(["ant", "bee"], 5, path).told() == [
        f"Outputs were given by the file {path}: bee -> 0, ant -> 4"
    ]
    assert resolve_classes([TENCH], 1000).told()[0].endswith("ImageNet's 1,000 classes: n01440764 -> 0")
    names = [f"class {digit}" for digit in range(10)]
    assert resolve_classes(names, 10).told()[0].endswith("class 3 -> 3 and 6 more")


def test_all_problems_of_a_classes_file_are_told_together(tmp_path):
    path = classes_file(tmp_path, {"ant": 1, "bee": 1, "cow": 5, "dog": -1, "eel": "2", "fox": True, "gnu": 2.0})
    with pytest.raises(ClassError) as error:
        resolve_classes(["ant", "bee", "cow", "dog", "eel", "fox", "gnu", "hen"], 5, path)
    assert str(error.value) == (
        f"{path} does not fit the class folders: no output is given for hen; "
        'not a whole number: eel: "2", fox: true, gnu: 2.0; '
        "not one of the network's outputs 0 to 4: cow: 5, dog: -1; "
        "one output for several folders: 1 (ant, bee). Give each folder the index of its output, from 0."
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [("[1, 2]", "found a list"), ("{", "this is not JSON"), ("", "this is not JSON")],
)
def test_a_file_that_is_no_json_object_is_refused(tmp_path, content, message):
    with pytest.raises(ClassError, match=message):
        resolve_classes(["ant"], 5, classes_file(tmp_path, content))


def test_a_missing_classes_file_is_named(tmp_path):
    with pytest.raises(ClassError, match=r"gone\.json: the classes file cannot be read \(No such file"):
        resolve_classes(["ant"], 5, tmp_path / "gone.json")


def test_the_imagenet_titles_are_torchvisions_in_output_order():
    importlib.import_module("precompute.models.torchvision_ops")
    categories = importlib.import_module("torchvision.models").AlexNet_Weights.IMAGENET1K_V1.meta["categories"]
    lines = (Path(__file__).parents[3] / "assets" / "imagenet_classes.tsv").read_text().splitlines()
    wnids, titles = zip(*(line.split("\t") for line in lines), strict=True)
    assert list(titles) == categories
    assert list(wnids) == sorted(set(wnids))
    assert all(re.fullmatch(r"n\d{8}", wnid) for wnid in wnids)
    assert resolve_classes(wnids[::-1], 1000).output_index.tolist() == list(range(999, -1, -1))
