"""The frame of all experiments: a group is added whole or not at all, and the rest of the store stays."""

from dataclasses import fields, replace
from importlib import import_module
from pathlib import Path

import h5py
import numpy as np
import pytest

from precompute.__main__ import main
from precompute.errors import OptionError, StoreError
from precompute.experiments import correlations, selectivity, statistics
from precompute.experiments import runner as frame
from precompute.experiments.options import ExperimentOptions
from precompute.experiments.protocol import Findings, Prepared
from precompute.measures.table import ROWS
from precompute.store import place, writer
from precompute.store.check import check
from precompute.store.experiments import registry
from precompute.store.place import put
from precompute.store.reader import open_store
from precompute.store.writer import StoreWriter
from tests.everyday import everyday
from tests.factory import LOSSES, Recipe, make_store

SMALL = Recipe(
    n_classes=3,
    per_class=4,
    layers=(("conv", 3, (2, 2)), ("deep", 2, ())),
    k=2,
    seed=4,
    without=LOSSES - {"log_prob_change", "measures"},
)


@pytest.fixture
def store_path(tmp_path):
    """A small store: what experiments find is tested elsewhere."""
    return make_store(tmp_path / "store.h5", SMALL)


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    for module, name in ((correlations, "_RESAMPLES"), (correlations, "_TOSSES"), (selectivity, "MOST_DRAWS")):
        monkeypatch.setattr(module, name, 20)


def test_every_experiment_has_its_work_and_names_only_what_there_is():
    for spec in registry.specs():
        assert callable(import_module(f"precompute.experiments.{spec.name}").prepare)
        assert all(entry.path.startswith(f"{spec.group}/") for entry in spec.entries)
        assert set(spec.options) <= {field.name for field in fields(ExperimentOptions)}


def test_every_measure_is_made_by_a_run_or_an_experiment():
    assert {row.made_by for row in ROWS} <= {"run", *registry.NAMES}


def test_an_unknown_experiment_is_refused_by_name():
    with pytest.raises(OptionError, match="statistics"):
        registry.spec_of("statistic")


def test_options_that_an_experiment_does_not_take_are_refused(store_path, capsys):
    before = store_path.read_bytes()
    words = ["--images", "somewhere", "--max-minutes", "3"]
    assert main(["experiment", "statistics", str(store_path), *words]) == 1
    told = capsys.readouterr().err
    assert "takes no --images, --max-minutes. It takes --layer, --seed" in told
    assert store_path.read_bytes() == before


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"max_minutes": 0.0}, {"images_per_class": 1}])
def test_values_that_cannot_work_are_refused(wrong):
    with pytest.raises(OptionError, match=next(iter(wrong)).replace("_", "-")):
        ExperimentOptions(**wrong)


def test_a_layer_that_is_not_there_is_refused_and_the_store_stays(store_path, capsys):
    before = store_path.read_bytes()
    assert main(["experiment", "statistics", str(store_path), "--layer", "cnov"]) == 1
    assert "it holds conv, deep" in capsys.readouterr().err
    assert store_path.read_bytes() == before


def test_only_the_layers_asked_for_are_looked_at(experiment):
    arrays, facts = experiment("statistics", "--layer", "deep")
    assert {path.split("/")[1] for path in arrays if path.startswith("layers/")} == {"deep"}
    assert facts["options"] == {"layers": ["deep"], "seed": 0}


def test_cost_is_told_before_it_starts(store_path, capsys):
    main(["experiment", "statistics", str(store_path)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Statistics of the drops (")
    assert lines[1].startswith("Estimated: ")
    assert "more in the store" in lines[1]


def test_a_group_says_how_it_was_made(experiment):
    _, facts = experiment("statistics", "--seed", 7)
    assert facts["seed"] == 7
    assert facts["options"] == {"seed": 7}
    assert facts["title"] == registry.spec_of("statistics").title
    assert facts["source"] == registry.spec_of("statistics").source
    assert facts["versions"]["numpy"] == np.__version__
    assert facts["command"].startswith("python -m precompute")
    assert facts["created"].endswith("+00:00")
    assert "reduced" not in facts


def test_every_dataset_says_its_axes_unit_and_meaning(store_path, experiment):
    arrays, _ = experiment("statistics")
    with h5py.File(store_path) as file:
        for path, values in arrays.items():
            facts = file[f"/experiments/statistics/{path}"].attrs
            assert len(facts["axes"]) == values.ndim
            assert facts["unit"]
            assert facts["doc"]


def test_the_same_seed_gives_the_same_group_in_place_of_the_earlier(store_path, experiment):
    first, _ = experiment("statistics", "--seed", 1)
    other, _ = experiment("statistics", "--seed", 2)
    again, _ = experiment("statistics", "--seed", 1)
    assert first.keys() == again.keys()
    for path, values in first.items():
        np.testing.assert_array_equal(values, again[path])
    assert any(not np.array_equal(values, other[path], equal_nan=True) for path, values in first.items())
    assert check(store_path) == []


def test_experiments_stand_beside_each_other(store_path, experiment):
    experiment("statistics")
    experiment("correlations")
    with open_store(store_path) as store:
        assert store.experiments == ("correlations", "statistics")
    assert check(store_path) == []


def test_of_two_that_end_at_the_same_time_both_are_there(store_path, tmp_path, monkeypatch, capsys):
    """The second is whole before the first has made its last step."""
    replace = Path.replace

    def another_first(part, place):
        monkeypatch.setattr(Path, "replace", replace)
        assert main(["experiment", "correlations", str(store_path)]) == 0
        return replace(part, place)

    monkeypatch.setattr(Path, "replace", another_first)
    assert main(["experiment", "statistics", str(store_path)]) == 0
    assert "adding the findings to the new file" in capsys.readouterr().out
    with open_store(store_path) as store:
        assert store.experiments == ("correlations", "statistics")
    assert check(store_path) == []
    assert not list(store_path.parent.glob("*.part"))


@pytest.mark.parametrize("moment", everyday(("held", "sync_file"), lambda moment: moment == "sync_file"))
def test_a_part_that_is_taken_away_at_any_moment_is_written_again(store_path, monkeypatch, capsys, moment):
    step, taken = getattr(place, moment), []

    def take_away(part):
        if not taken:
            taken.append(part)
            part.unlink()
        return step(part)

    monkeypatch.setattr(place, moment, take_away)
    assert main(["experiment", "statistics", str(store_path)]) == 0
    assert "adding the findings to the new file" in capsys.readouterr().out
    assert check(store_path) == []
    assert not list(store_path.parent.glob("*.part"))


def test_another_store_that_came_to_lie_there_stays(store_path, tmp_path, monkeypatch, capsys):
    other = make_store(tmp_path / "other.h5", Recipe(n_classes=3, per_class=2, layers=(("conv", 2, (2, 2)),), k=2))
    there, replace = other.read_bytes(), Path.replace

    def run_first(part, place):
        monkeypatch.setattr(Path, "replace", replace)
        put(other, store_path)
        return replace(part, place)

    monkeypatch.setattr(Path, "replace", run_first)
    assert main(["experiment", "statistics", str(store_path)]) == 1
    assert "another store was written here" in capsys.readouterr().err
    assert store_path.read_bytes() == there
    assert not list(store_path.parent.glob("*.part"))


def test_what_a_killed_experiment_left_is_named_and_goes_with_the_next(store_path, capsys):
    left = store_path.with_name(f"{store_path.name}.123.part")
    left.write_bytes(b"half a store")
    for command, status in (("check", 0), ("info", 0)):
        assert main([command, str(store_path)]) == status
        assert f"{left.name}: left by a writer that was stopped" in capsys.readouterr().out
    assert main(["experiment", "statistics", str(store_path)]) == 0
    assert not left.exists()


def test_info_lists_experiments(store_path, experiment, capsys):
    experiment("statistics")
    assert main(["info", str(store_path)]) == 0
    assert "statistics: 20" in capsys.readouterr().out


def test_a_link_to_a_store_stays_a_link(store_path, tmp_path, experiment):
    link = tmp_path / "link.h5"
    link.symlink_to(store_path)
    experiment("statistics", path=link)
    assert link.is_symlink()
    with open_store(store_path) as store:
        assert store.experiments == ("statistics",)


def test_measures_that_an_experiment_finds_join_those_of_the_layer(tmp_path, experiment):
    store_path = make_store(tmp_path / "store.h5", replace(SMALL, without=frozenset()))  # of both kinds of ablation
    arrays, _ = experiment("statistics")
    with open_store(store_path) as store:
        assert {layer.name for layer in store.layers} == {"conv", "deep"}
        for layer in store.layers:
            for kind, suffix in (("zero", ""), ("mean", "_mean")):
                found = layer.measures[f"quoted_drop{suffix}"]
                expected = arrays[f"layers/{layer.name}/ablation/{kind}/quoted_drop"]
                np.testing.assert_array_equal(found.values, expected)
                assert found.experiment == "statistics"
        assert store.layer("conv").measures["class_selectivity"].experiment == ""


def test_all_adds_what_the_store_alone_is_enough_for_and_says_why_the_rest_is_left_out(store_path, capsys):
    assert main(["experiment", "all", str(store_path), "--seed", "3"]) == 0
    alone = {row.name for row in registry.specs() if not row.needs_network}
    with open_store(store_path) as store:
        assert set(store.experiments) == alone
        assert {store.experiment(name).facts["seed"] for name in alone} == {3}
    said = capsys.readouterr().out
    for row in registry.specs():
        assert (f"{row.title} is left out: " in said) == row.needs_network


@pytest.fixture
def work(monkeypatch):
    """How often a store was copied and checked."""
    done = {"copied": 0, "checked": 0}

    def counted(word, step):
        def one_more(*given, **named):
            done[word] += 1
            return step(*given, **named)

        return one_more

    monkeypatch.setattr(StoreWriter, "take_over", counted("copied", StoreWriter.take_over))
    monkeypatch.setattr(writer.check, "problems_of", counted("checked", writer.check.problems_of))
    return done


def test_all_copies_and_checks_the_store_once(store_path, work):
    assert main(["experiment", "all", str(store_path)]) == 0
    assert work == {"copied": 1, "checked": 1}
    assert check(store_path) == []


def test_all_saves_after_every_experiment_that_takes_long(store_path, work, monkeypatch):
    monkeypatch.setattr(frame, "SAVED_EVERY", 0)
    assert main(["experiment", "all", str(store_path)]) == 0
    n_alone = sum(not row.needs_network for row in registry.specs())
    assert work["checked"] == n_alone
    with open_store(store_path) as store:
        assert len(store.experiments) == n_alone


STOPS = (KeyboardInterrupt(), RuntimeError("in the middle"))


@pytest.mark.parametrize("error", everyday(STOPS, lambda error: error is STOPS[0]))
def test_all_that_is_stopped_keeps_what_was_found_before(store_path, monkeypatch, error):
    monkeypatch.setattr(correlations, "prepare", failing(error))
    with pytest.raises(type(error)):
        frame.carry_out_all(store_path, ExperimentOptions(), command="none", say=print)
    names = [spec.name for spec in registry.specs() if not spec.needs_network]
    with open_store(store_path) as store:
        assert set(store.experiments) == set(names[: names.index("correlations")]) != set()
    assert check(store_path) == []
    assert [path.name for path in store_path.parent.iterdir()] == ["store.h5"]


def test_one_experiment_that_fails_the_check_does_not_take_the_others_with_it(store_path, monkeypatch, capsys):
    monkeypatch.setattr(statistics, "prepare", failing({"half": np.zeros(3, int)}))
    assert main(["experiment", "all", str(store_path)]) == 0
    with open_store(store_path) as store:
        assert "statistics" not in store.experiments
        assert "selectivity" in store.experiments
    assert "Statistics of the drops is left out: " in capsys.readouterr().out
    assert check(store_path) == []


def test_all_is_written_on_top_of_what_another_program_added_meanwhile(store_path, monkeypatch):
    prepare = correlations.prepare

    def another_first(job):
        monkeypatch.setattr(correlations, "prepare", prepare)
        frame.carry_out("statistics", store_path, ExperimentOptions(seed=9), command="none", say=print)
        return prepare(job)

    monkeypatch.setattr(correlations, "prepare", another_first)
    assert main(["experiment", "all", str(store_path)]) == 0
    with open_store(store_path) as store:
        assert {"statistics", "correlations"} <= set(store.experiments)
    assert check(store_path) == []


def before_the_copy(monkeypatch, act):
    """Let another program act after an experiment has looked at the store and before it copies it."""
    take_over = StoreWriter.take_over

    def after_another(writer, source, **options):
        monkeypatch.setattr(StoreWriter, "take_over", take_over)
        act()
        take_over(writer, source, **options)

    monkeypatch.setattr(StoreWriter, "take_over", after_another)


def test_what_is_added_rests_on_what_another_program_put_there_at_the_last_moment(store_path, monkeypatch):
    with open_store(store_path) as store:
        of, seen = frame.SourceStore.of(store), []

    def ready(now):
        seen.append(now.experiments)
        return frame.Change((), lambda writer: writer.describe("/", {"keep": "all"}))

    before_the_copy(
        monkeypatch,
        lambda: frame.carry_out("statistics", store_path, ExperimentOptions(), command="none", say=print),
    )
    frame.rewrite(of, ready, print)
    assert seen == [(), ("statistics",)]
    assert check(store_path) == []


def test_nothing_is_added_to_another_run_that_came_at_the_last_moment(store_path, tmp_path, monkeypatch):
    other = make_store(tmp_path / "other.h5", Recipe(n_classes=3, per_class=4, layers=(("conv", 3, (2, 2)),), k=2))
    with h5py.File(other, "r+") as file:
        file.attrs["created"] = "2031-01-01T00:00:00+00:00"
    expected = other.read_bytes()
    before_the_copy(monkeypatch, lambda: put(other, store_path))
    with pytest.raises(StoreError, match="another store was written here"):
        frame.carry_out("statistics", store_path, ExperimentOptions(), command="none", say=print)
    assert store_path.read_bytes() == expected


def test_all_is_refused_once_where_there_is_no_store(tmp_path, capsys):
    assert main(["experiment", "all", str(tmp_path / "none.h5")]) == 1
    assert capsys.readouterr().err.count("there is no such file") == 1


# Failures


def failing(arrays):
    """Something to prepare that gives these arrays, or raises."""

    def run(_advance):
        if isinstance(arrays, BaseException):
            raise arrays
        return Findings(arrays)

    return lambda job: Prepared(0.0, 0.0, 1, "steps", run)


@pytest.mark.parametrize(
    "found", [RuntimeError("in the middle"), KeyboardInterrupt(), {"half": np.zeros(3, int)}, {"nothing": np.zeros(3)}]
)
def test_a_failure_leaves_the_store_byte_for_byte_and_nothing_beside_it(store_path, monkeypatch, found):
    before = store_path.read_bytes()
    monkeypatch.setattr(statistics, "prepare", failing(found))
    with pytest.raises((RuntimeError, KeyboardInterrupt, StoreError, ValueError)):
        frame.carry_out("statistics", store_path, ExperimentOptions(), command="none", say=print)
    assert store_path.read_bytes() == before
    assert [path.name for path in store_path.parent.iterdir()] == ["store.h5"]


def test_a_store_that_was_replaced_meanwhile_is_left_alone(store_path, monkeypatch):
    def run(_advance):
        make_store(store_path, Recipe(n_classes=3, per_class=2, layers=(("conv", 2, ()),), k=1))
        with h5py.File(store_path, "r+") as file:
            file.attrs["created"] = "2031-01-01T00:00:00+00:00"
        return {}

    monkeypatch.setattr(statistics, "prepare", lambda job: Prepared(0.0, 0.0, 1, "steps", run))
    with pytest.raises(StoreError, match="another store was written here"):
        frame.carry_out("statistics", store_path, ExperimentOptions(), command="none", say=print)
    with open_store(store_path) as store:
        assert store.experiments == ()


def test_readers_that_have_the_store_open_go_on(store_path, experiment):
    with open_store(store_path) as store:
        experiment("statistics")
        assert store.experiments == ()
        assert np.isfinite(store.layer("deep").ablation("zero").drop[:, 0]).all()


def test_an_interrupt_is_told_in_its_own_words(store_path, monkeypatch, capsys):
    monkeypatch.setattr(statistics, "prepare", failing(KeyboardInterrupt()))
    assert main(["experiment", "statistics", str(store_path)]) == 130
    assert "stopped; the store is as it was" in capsys.readouterr().err


@pytest.mark.parametrize("name", everyday(("statistics", "all"), lambda name: name == "all"))
def test_a_networks_file_may_change_the_current_folder(name, store_path, tmp_path, monkeypatch):
    ready = statistics.prepare

    def elsewhere(job):
        (tmp_path / "elsewhere").mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / "elsewhere")
        return ready(job)

    monkeypatch.setattr(statistics, "prepare", elsewhere)
    monkeypatch.chdir(tmp_path)
    assert main(["experiment", name, "store.h5"]) == 0
    with open_store(store_path) as store:
        assert store.experiment("statistics") is not None
    assert not list((tmp_path / "elsewhere").iterdir())
