"""Selectivity of a made-up store, whose units really prefer a class, held to the formulas and to planted truth."""

import numpy as np
import pytest

from precompute.experiments.selectivity import FEWEST_DRAWS, MOST_DRAWS, affordable
from precompute.measures.class_correlation import strongest_class
from precompute.measures.detection import one_against_rest, precision_at_k
from precompute.measures.halves import halves
from precompute.measures.information import mutual_information, quantile_bins
from precompute.measures.redundancy import redundancy
from precompute.measures.retrieval import average_precision, f1_on_other, held_out_detection
from precompute.measures.selectivity import class_means, class_selectivity
from precompute.measures.sparsity import hoyer, lifetime_sparsity, silent_fraction
from precompute.measures.table import made_by
from precompute.store.check import check
from precompute.store.reader import open_store
from tests.everyday import everyday
from tests.factory import Recipe, make_contents, write_store
from tests.precompute.experiments.conftest import content_after
from tests.simulations.idle_units import KINDS, shares

BASE = "layers/conv"
ADDED = {row.name for row in made_by("selectivity")}


@pytest.fixture(scope="module", params=[False, True], ids=["rectified", "signed"])
def made(request, tmp_path_factory):
    """A store after the experiment, and its arrays; the layer goes below zero or not."""
    signed = frozenset({"conv"}) if request.param else frozenset()
    recipe = Recipe(
        n_classes=6, per_class=20, layers=(("conv", 9, (3, 3)), ("deep", 3, ())), k=2, n_empty=1, signed=signed
    )
    path = write_store(tmp_path_factory.mktemp("made") / "store.h5", make_contents(recipe))
    found = content_after(path, "selectivity", "--seed", "2")
    with open_store(path) as store:
        yield store, found


def response(store):
    layer = store.layer("conv")
    held = [layer.activation(unit) for unit in range(layer.n_units)]
    rate = [one.mean if one.positive_mean is None else one.positive_mean for one in held]
    return np.stack([one.max for one in held]), np.stack([one.mean for one in held]), np.stack(rate)


def formulas(store, images):
    """The measures by their formulas, on some of the images."""
    label, n_classes = store.images.label[images], len(store.classes)
    largest, mean, rate = (values[:, images] for values in response(store))
    return {
        "class_selectivity": class_selectivity(class_means(rate, label, n_classes))[0],
        "mutual_information": mutual_information(quantile_bins(mean), label),
        "one_against_rest": strongest_class(one_against_rest(mean, label, n_classes))[0],
        "precision_at_k": strongest_class(precision_at_k(largest, label, n_classes, k=20))[0],
        "silent_fraction": silent_fraction(largest, mean),
        "hoyer": hoyer(rate),
        "lifetime_sparsity": lifetime_sparsity(rate),
        "redundancy": redundancy(mean),
    }


def test_it_adds_its_measures_and_passes_the_check(made):
    store, _ = made
    held = store.layer("conv").measures
    assert {name for name, measure in held.items() if measure.experiment == "selectivity"} == ADDED
    assert check(store.path) == []


def test_measures_are_their_formulas_but_a_dead_unit_prefers_nothing(made):
    store, _ = made
    held = store.layer("conv").measures
    for name, expected in formulas(store, np.ones(len(store.images), dtype=bool)).items():
        np.testing.assert_allclose(held[name].values[:-1], expected[:-1], rtol=1e-5, atol=1e-6, err_msg=name)
    for name in ADDED - {"silent_fraction"}:
        assert np.isnan(held[name].values[-1]), f"{name}: expected NaN for a dead unit"
    assert held["silent_fraction"].values[-1] == 1


def test_each_half_is_measured_alone(made):
    store, found = made
    half = halves(store.images.label, seed=2)
    np.testing.assert_array_equal(found["half"], half)
    assert set(found[f"{BASE}/by_half/measure"]) == set(formulas(store, half == 0)), "give formulas() the new measure"
    for h in (0, 1):
        for name, expected in formulas(store, half == h).items():
            if name == "precision_at_k":
                label, k = store.images.label[half == h], 20
                shares = precision_at_k(response(store)[0][:, half == h], label, len(store.classes), k=k)
                expected = strongest_class(shares)[0]
            column = list(found[f"{BASE}/by_half/measure"]).index(name)
            values = found[f"{BASE}/by_half/value"][:-1, h, column]
            np.testing.assert_allclose(values, expected[:-1], rtol=1e-5, atol=1e-6, err_msg=name)


def test_units_that_prefer_a_class_are_told_from_chance(made):
    _, found = made
    measures = list(found[f"{BASE}/chance/measure"])
    index, held_out = (measures.index(name) for name in ("class_selectivity", "class_selectivity_held_out"))
    observed, expected, p, q = (found[f"{BASE}/chance/{name}"][:-1] for name in ("observed", "expected", "p", "q"))
    strong = observed[:, index] > 0.5
    assert strong.sum() >= 3
    assert (p[strong][:, [index, held_out]] < 0.05).all()
    assert (q >= p).all()
    # Preferring the best of five classes is worth something by chance; on other images it is worth nothing.
    assert (expected[:, index] > 0.02).all()
    assert np.abs(expected[:, held_out]).max() < 0.1
    assert p.min() >= 1 / (1 + MOST_DRAWS)


def test_tables_by_class_leave_out_the_class_without_images(made):
    store, found = made
    label = store.images.label
    largest, mean, _ = response(store)
    np.testing.assert_allclose(found[f"{BASE}/auc"], one_against_rest(mean, label, 6), atol=1e-6)
    np.testing.assert_allclose(found[f"{BASE}/precision"], precision_at_k(largest, label, 6, k=20), atol=1e-6)
    np.testing.assert_allclose(found[f"{BASE}/average_precision"], average_precision(mean, label, 6), atol=1e-6)
    np.testing.assert_allclose(found[f"{BASE}/f1"], f1_on_other(mean, label, 6, found["half"]), atol=1e-6)
    assert np.isnan(found[f"{BASE}/auc"][:, 5]).all()


def test_detection_is_read_on_the_half_that_did_not_choose(made):
    store, found = made
    held = store.layer("conv").measures
    expected = held_out_detection(response(store)[1], store.images.label, 6, found["half"])
    for name, values in (
        ("average_precision", expected.average_precision),
        ("best_f1", expected.f1),
        ("average_precision_class", expected.chosen),
    ):
        np.testing.assert_allclose(held[name].values[:-1], values[:-1], atol=1e-6, err_msg=name)


def test_the_closest_unit_and_the_components_are_those_of_the_means(made):
    store, found = made
    mean = response(store)[1][:-1].astype(float)
    r = np.corrcoef(mean) - np.eye(len(mean))
    np.testing.assert_array_equal(found[f"{BASE}/closest_unit"][:-1], np.abs(r).argmax(axis=1))
    np.testing.assert_allclose(np.abs(found[f"{BASE}/closest_r"][:-1]), np.abs(r).max(axis=1), atol=1e-6)
    assert np.isnan(found[f"{BASE}/closest_unit"][-1])
    assert (np.diff(found[f"{BASE}/components/n_components"]) >= 0).all()


def test_units_are_read_in_blocks_without_a_trace(made, monkeypatch, tmp_path):
    store, found = made
    path = tmp_path / "again.h5"
    path.write_bytes(store.path.read_bytes())
    monkeypatch.setattr("precompute.store.blocks.BLOCK_BYTES", 8 * len(store.images) * 4)
    again = content_after(path, "selectivity", "--seed", "2")
    for name, values in found.items():
        np.testing.assert_array_equal(again[name], values, err_msg=name)


# What it costs


def test_labels_are_shuffled_as_often_as_there_is_time_for():
    assert affordable(1, 1, 0.01) == (MOST_DRAWS, None)
    draws, said = affordable(1, 10, 0.25)
    assert draws == 200
    assert "200 times" in said
    assert "4 min" in said
    assert affordable(1 / 60, 10, 0.25)[0] == FEWEST_DRAWS


def test_little_time_means_fewer_shuffles_and_says_so(store_path, experiment):
    arrays, facts = experiment("selectivity", "--max-minutes", "1e-9")
    assert f"{FEWEST_DRAWS} times" in facts["reduced"]
    assert np.nanmin(arrays["layers/conv/chance/p"]) >= 1 / (1 + FEWEST_DRAWS) - 1e-12


@pytest.mark.parametrize("kind", everyday(KINDS, lambda kind: kind in list(KINDS)[:2]))
def test_of_units_that_know_no_class_few_are_told_from_chance_also_where_images_tie(kind):
    # One in twenty is expected; units of a layer share their shuffles, and there are only 240.
    assert (np.mean([shares(kind, n_units=60, seed=layer) for layer in range(4)], axis=0) <= 0.12).all()
