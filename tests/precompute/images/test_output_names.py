import unicodedata

import numpy as np
import pytest

from precompute.errors import ClassError
from precompute.images.classes import resolve_classes

OUTPUTS = ("fish", "cat", "dog", "cat ")


def test_classes_that_are_called_like_outputs_are_these():
    table = resolve_classes(["cat", "dog", "fish"], 4, output_names=OUTPUTS)
    np.testing.assert_array_equal(table.output_index, [1, 2, 0])
    assert table.mapping == "the names that the network itself gives its outputs"


@pytest.mark.parametrize("names", [["Cat", "dog"], ["a", "b", "c", "d"], ["fish", "cat", "dog", "crane"]])
def test_names_that_differ_are_not_taken_in_any_order(names):
    with pytest.raises(ClassError, match=r"The network calls its 4 outputs fish, cat, dog, .*--classes"):
        resolve_classes(names, 4, output_names=OUTPUTS)


def test_a_name_that_several_outputs_have_says_nothing():
    with pytest.raises(ClassError, match="No single output has the name of the class folders crane"):
        resolve_classes(["crane", "dog"], 3, output_names=("crane", "dog", "crane"))


def test_what_a_person_says_goes_before(tmp_path):
    (tmp_path / "classes.json").write_text('{"cat": 0, "dog": 1}')
    table = resolve_classes(["cat", "dog"], 2, tmp_path / "classes.json", output_names=("dog", "cat"))
    np.testing.assert_array_equal(table.output_index, [0, 1])
    table = resolve_classes(["cat", "dog"], 2, class_order="text", output_names=("dog", "cat"))
    np.testing.assert_array_equal(table.output_index, [0, 1])


def test_the_network_may_write_accents_in_another_way_than_the_folders():
    names = [unicodedata.normalize("NFD", name) for name in ("café", "thé")]
    table = resolve_classes(names, 3, output_names=("thé", "eau", "café"))
    np.testing.assert_array_equal(table.output_index, [2, 0])
