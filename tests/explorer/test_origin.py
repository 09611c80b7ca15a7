"""Where a figure comes from, in words."""

import re

from explorer.origin import Origin
from precompute import __version__
from tests.explorer.test_literal import NASTY


def test_the_words_name_store_fingerprint_place_network_date_and_version(full_store):
    words = Origin((("demo", full_store),), ("features.10", "unit 3")).words
    assert words.startswith("features.10, unit 3. Store demo, ")
    for part in (
        full_store.fingerprint,
        full_store.created[:10],
        full_store.model.spec.rpartition("/")[2],
        __version__,
    ):
        assert part in words


def test_of_several_stores_each_is_named(full_store):
    words = Origin((("one", full_store), ("two", full_store))).words
    assert "Store one, fingerprint" in words
    assert "Store two, fingerprint" in words


def test_the_name_of_a_file_has_letters_and_digits_only(full_store):
    slug = Origin(((NASTY, full_store),), ("../../etc", "unit 3", "שלום", "x" * 40)).slug("Images: all")
    assert re.fullmatch(r"[A-Za-z0-9.-]+", slug)
    assert ".." not in slug.replace("...", "")
    assert len(slug) < 250
    assert slug.endswith("Images-all")
    assert len(Origin(((NASTY, full_store),), ("x" * 300,) * 9).slug("y" * 300)) <= 200
