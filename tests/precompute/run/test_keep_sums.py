"""A store that keeps sums only says the same as the whole store as far as it goes, and says what it lacks."""

import h5py
import numpy as np
import pytest

import unitscope
from precompute.__main__ import main
from precompute.errors import StoreOfSums
from precompute.stopping import INTERRUPTED
from precompute.store import schema
from precompute.store.check import check
from precompute.store.experiments import registry
from precompute.store.keep import ACTIVATIONS, CHANGES
from precompute.store.reader import open_store
from tests.arrays import assert_same_arrays
from tests.precompute.test_run import datasets
from tests.small import write_images, write_network

LAYERS = ("features.4", "signed")


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """The whole store of a small job with training images, and that of its sums."""
    folder = tmp_path_factory.mktemp("sums")
    model, images, training = (
        write_network(folder),
        write_images(folder / "val"),
        write_images(folder / "train", per_class=4),
    )
    words = [model, "--images", str(images), "--train-images", str(training), "--workers", "0", "--top-k", "5"]
    words += [word for layer in LAYERS for word in ("--layer", layer)]
    words += ["--ablation", "zero", "--ablation", "mean", "--attribution", "gradient", "--shard-size", "7"]
    for keep in ("all", "sums"):
        assert main(["run", *words, "--allow-low-accuracy", "--keep", keep, "--out", str(folder / f"{keep}.h5")]) == 0
    return folder / "all.h5", folder / "sums.h5"


@pytest.fixture(scope="module")
def sums(stores):
    with open_store(stores[1]) as store:
        yield store


def values_of(path):
    """Every dataset of a store, and every fact but stamps of what a group holds."""
    found = datasets(path)
    return {name: value for name, value in found.items() if name.rpartition("@")[2] not in ("members", "checksum")}


def test_what_both_hold_is_equal_and_only_matrices_are_gone(stores):
    whole, sums = map(values_of, stores)
    gone = whole.keys() - sums.keys()
    matrices = {name for name in gone if "@" not in name}
    assert sums.keys() <= whole.keys()
    assert_same_arrays({name: whole[name] for name in sums}, sums)
    assert {name.rpartition("@")[0] or name for name in gone} - matrices <= {*matrices, *_groups_of(matrices)}
    assert matrices
    assert all(schema.entry_for(f"/{name}").of_unit_and_image for name in matrices)
    assert not any(_is_of_unit_and_image(name) for name in sums)


def _groups_of(names):
    return {name.rpartition("/")[0] for name in names}


def _is_of_unit_and_image(name):
    entry = None if "@" in name else schema.entry_for(f"/{name}")
    return entry is not None and entry.of_unit_and_image


def test_statistics_are_those_of_the_whole_store(stores):
    with open_store(stores[0]) as whole, open_store(stores[1]) as sums:
        base = "layers/signed/ablation/mean/log_prob_p"  # made of what only the whole store keeps
        assert np.array_equal(whole.experiment("statistics")[base], sums.experiment("statistics")[base])


@pytest.mark.parametrize("at", [0, 1])
def test_both_pass_the_check(stores, at):
    assert check(stores[at]) == []


def test_what_it_lacks_is_refused_in_one_sentence(sums):
    layer = sums.layer("signed")
    for asked, what in (
        (lambda: layer.activation(0), ACTIVATIONS),
        (lambda: layer.activation(slice(None)), ACTIVATIONS),
        (lambda: layer.log_prob_change("zero", 0), CHANGES),
        (lambda: list(layer.log_prob_changes("zero")), CHANGES),
    ):
        with pytest.raises(StoreOfSums) as refused:
            asked()
        assert str(refused.value) == f"{sums.path}: {sums.lacks(what)}"


def test_what_it_keeps_is_what_the_whole_store_says(stores):
    with open_store(stores[0]) as whole, open_store(stores[1]) as sums:
        for name in LAYERS:
            ours, theirs = sums.layer(name), whole.layer(name)
            assert ours.goes_below_zero == theirs.goes_below_zero == (name == "signed")
            assert np.array_equal(ours.class_positive_mean, theirs.class_positive_mean)
            for unit in range(ours.n_units):
                assert ours.n_active(unit) == theirs.n_active(unit) == (theirs.activation(unit).max > 0).sum()


def test_experiments_that_need_more_are_refused_before_their_work(stores, capsys):
    before = stores[1].read_bytes()
    needing = [spec.name for spec in registry.specs() if spec.needs_of_all]
    assert set(needing) >= {"selectivity", "roles"}
    for name in needing:
        assert main(["experiment", name, str(stores[1])]) == 1
        assert "keeps sums only and lacks how" in capsys.readouterr().err
    assert stores[1].read_bytes() == before


@pytest.mark.long
def test_all_others_can_be_added(stores, tmp_path):
    path = tmp_path / "sums.h5"
    path.write_bytes(stores[1].read_bytes())
    assert main(["experiment", "all", str(path), "--max-minutes", "0.1"]) == 0
    with open_store(path) as store:
        assert {spec.name for spec in registry.specs() if not spec.needs_of_all} - {"dissection"} <= {
            *store.experiments
        }
        assert "statistics" in store.experiments  # that of the run stays
    assert check(path) == []


def test_info_says_what_it_keeps(stores, capsys):
    assert main(["info", str(stores[1])]) == 0
    told = capsys.readouterr().out
    assert f"keeps            sums\n  lacks          {ACTIVATIONS}\n  lacks          {CHANGES}" in told
    assert main(["info", str(stores[0])]) == 0
    assert "lacks" not in capsys.readouterr().out


# Damage


@pytest.fixture
def spoiled(stores, tmp_path):
    """Return what the check says of the store of sums after it was changed, as if it had been written so."""

    def found(change):
        path = tmp_path / "spoiled.h5"
        path.write_bytes(stores[1].read_bytes())
        with h5py.File(path, "r+") as file:
            change(file)
            for item in ("/", *_all(file)):
                for stamp in ("members", "values", "checksum"):
                    file[item].attrs.pop(stamp, None)
        return {problem.path for problem in check(path)}

    return found


def _all(file):
    names = []
    file.visit(names.append)
    return names


def _spoil(path, change):
    """Return what changes the row of unit 0 alone: one wrong unit has to be enough."""

    def plant(file):
        row = file[path][0]
        file[path][0] = change(row)
        assert not np.array_equal(file[path][0], row, equal_nan=True)

    return plant


SPOILED = {
    "/layers/signed/n_active": _spoil("/layers/signed/n_active", lambda _: 0),
    "/layers/signed/class_positive_mean": _spoil("/layers/signed/class_positive_mean", lambda _: 0),
    "/layers/signed/measure/class_selectivity": _spoil("/layers/signed/measure/class_selectivity", lambda _: 0.5),
    "/layers/signed/image_top": lambda file: file.pop("/layers/signed/image_top"),
}


@pytest.mark.parametrize("path", SPOILED)
def test_a_sum_that_does_not_follow_is_found(spoiled, path):
    assert path in spoiled(SPOILED[path])


def test_a_list_out_of_order_is_found(spoiled):
    value, image = (f"/layers/signed/exemplar/bottom/{part}" for part in ("value", "image"))
    assert value in spoiled(_spoil(value, lambda row: row[::-1]))
    assert image in spoiled(_spoil(image, lambda row: row[:1]))


def test_a_value_that_image_top_contradicts_is_found(spoiled):
    path = "/layers/signed/exemplar/top/value"
    assert path in spoiled(_spoil(path, lambda row: row + 1))


def test_a_matrix_in_a_store_of_sums_is_found(spoiled, stores):
    def add(file):
        with h5py.File(stores[0]) as whole:
            whole.copy("/layers/signed/activation", file["/layers/signed"])

    assert "/layers/signed/activation/max" in spoiled(add)


def test_a_whole_store_without_its_matrices_is_damaged(spoiled):
    found = spoiled(lambda file: file.attrs.modify("keep", "all"))
    assert {"/layers/signed/activation/max", "/layers/signed/activation/mean"} <= found


def test_what_it_keeps_is_one_of_two_words(spoiled):
    assert "/" in spoiled(lambda file: file.attrs.modify("keep", "some"))


# What decides the run


def test_a_run_that_is_gone_on_with_keeps_what_it_began_to(tmp_path, monkeypatch, capsys):
    model, images = write_network(tmp_path), write_images(tmp_path / "images")
    job = ["run", model, "--images", str(images), "--out", str(tmp_path / "s.h5"), "--layer", "features.4"]
    job += ["--workers", "0", "--attribution", "none", "--allow-low-accuracy", "--keep", "sums"]
    with monkeypatch.context() as patch:
        patch.setattr("precompute.run.pipeline.runner.compute_findings", _stopped)
        assert main(job) == INTERRUPTED
    assert main([*job[:-1], "all", "--resume"]) == 1
    assert "--keep was sums, now all" in capsys.readouterr().err
    assert main([*job, "--resume"]) == 0
    with open_store(tmp_path / "s.h5") as store:
        assert any(path.endswith("/log_prob_p") for path in store.experiment("statistics"))


def _stopped(*_args, **_named):
    raise KeyboardInterrupt


def test_frames_come_from_sums_but_for_that_of_activations(stores, sums):
    with open_store(stores[0]) as whole:
        for frame in (unitscope.measures_frame, unitscope.drops_frame, unitscope.flips_frame):
            assert frame(sums, "signed").equals(frame(whole, "signed"))
    with pytest.raises(StoreOfSums, match="keeps sums only"):
        unitscope.activations_frame(sums, "signed")
