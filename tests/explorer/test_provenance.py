"""How a store came to be, for people."""

import json

import h5py
import pytest

from explorer.pages.overview.provenance import further, short, stored
from precompute.store.facts import read_fact
from precompute.store.reader import open_store
from tests.explorer.conftest import put, stamp

SWEPT = {"method": "exact engine", "precision": "float32", "rows": 39200, "audited": 32, "differing": 0}


@pytest.fixture
def known(made, runs):
    """Put facts into a store's provenance and open it."""
    path, opened = put(made("full"), runs), []

    def with_facts(**facts):
        with h5py.File(path) as file:
            provenance = json.loads(read_fact(file, "provenance"))
        stamp(path, provenance=json.dumps(provenance | facts))
        opened.append(open_store(path))
        return opened[-1]

    yield with_facts
    for store in opened:
        store.close()


def test_it_is_told_in_words(known):
    facts = {"ablation_engine": {"features.10": SWEPT}, "no_op_rows": 1600, "no_op_flip_rate_before_recheck": 0.0025}
    store = known(**facts)
    said = dict(short(store)) | dict(further(store))
    assert said["Ablation"] == (
        "features.10: exact engine, float32, 39,200 predictions, those of the self-check among them, 32 rows "
        "compared with the plain method, none differing."
    )
    assert said["Self-check"] == (
        "a few units of each layer set to their own maps, which must change nothing: none of 1,600 predictions changed "
        "(0.25 % before close calls were left to the plain method)"
    )
    assert said["Weights"] == "made up, SHA-256 000000000000…"
    assert "flip rate" not in json.dumps(said)


def test_a_layer_that_was_found_wrong_is_told(known):
    assert "1 differing" in dict(short(known(ablation_engine={"a": SWEPT | {"differing": 1}})))["Exactness"]


@pytest.mark.parametrize(
    "facts",
    [
        {"ablation_engine": [1], "no_op_flip_rate": None, "weights": "x", "training": 3, "versions": "y"},
        {"ablation_engine": {"a": {"rows": "many", "audited": True}}, "no_op_rows": "<b>", "attribution": {}},
        {"ablation_engine": {"a": None}, "attribution": {"postponed": "x"}, "device": 7, "transform": None},
    ],
)
def test_facts_of_other_kinds_are_no_reason_to_fail(facts, known):
    store = known(**facts)
    assert all(isinstance(said, str) for _, said in [*short(store), *further(store)])
    assert json.loads(stored(store))["ablation_engine"] == facts["ablation_engine"]


def test_seven_facts_stand_on_the_page_and_speak_of_all_layers_together(known):
    facts = {"features.8": SWEPT, "features.10": SWEPT | {"audited": 30}}
    said = dict(short(known(ablation_engine=facts, no_op_rows=1600, command="python -m precompute run it")))
    assert list(said) == ["Network", "Weights", "Images", "Method", "Exactness", "Written", "To repeat it"]
    assert said["Images"].startswith("144 images of 12 classes, in ")
    assert said["Method"].startswith("15 units of 3 layers silenced in turn (")
    assert said["Method"].endswith("by the exact engine")
    assert said["Exactness"].startswith(
        "62 of 76,800 predictions without a unit compared with the plain method, none differing; a few units of each"
    )
    assert said["To repeat it"] == "python -m precompute run it"


def test_every_fact_can_be_seen_as_it_is_stored(known, show):
    known(no_op_rows=1600, something_new={"of_a_kind": [1, 2]}, odd=float("nan"), path="\udc80<b>")
    page = show("overview")
    (element,) = page.app.json
    held = json.loads(element.value)
    assert held["something_new"] == {"of_a_kind": [1, 2]}
    assert held["odd"] == "NaN"
    assert "of_a_kind" not in page.words
    assert "<td>To repeat it</td>" in page.words
