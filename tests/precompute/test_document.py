"""The tables of the documentation are those that the program makes of itself."""

import pytest

from precompute import document

WRITE = "`python -m precompute.document` writes it anew"


@pytest.mark.parametrize("path", document.up_to_date(), ids=lambda path: path.name)
def test_a_document_is_up_to_date(path):
    assert path.read_text(encoding="utf-8") == document.up_to_date()[path], WRITE


@pytest.mark.parametrize(("name", "made"), document.tables().items())
def test_every_table_has_its_place(name, made):
    assert sorted(document.places(document.ROOT / name)) == sorted(made)


def test_a_table_that_nobody_makes_is_noticed(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("<!-- table: numbers -->\n<!-- end of table -->\n")
    with pytest.raises(KeyError, match="numbers"):
        document._filled(path, {})


def test_what_stands_outside_of_a_table_stays(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("Before.\n<!-- table: numbers -->\nold\n<!-- end of table -->\nAfter.\n")
    filled = document._filled(path, {"numbers": lambda: document.markdown(("one",), [("1",)])})
    assert filled == "Before.\n<!-- table: numbers -->\n| one |\n| --- |\n| 1 |\n<!-- end of table -->\nAfter.\n"
