"""A stranger adds one of everything that CONTRIBUTING.md tells how to add, and all that lists them follows."""

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from explorer import page_registry
from explorer.experiments.presentation import Presentation
from explorer.null_levels import null_level_of
from precompute import ablation_kinds, document
from precompute.__main__ import main
from precompute.ablation_kinds import AblationKind
from precompute.attribution_methods import METHODS, Method
from precompute.experiments.protocol import Findings, Prepared
from precompute.measures import table
from precompute.measures.measure_row import SHUFFLED_LABELS
from precompute.measures.selectivity import class_means
from precompute.measures.table import MeasureRow
from precompute.options import RunOptions
from precompute.store.check import check
from precompute.store.entry import Axis, Entry
from precompute.store.experiments import registry
from precompute.store.experiments.spec import OF_ANY, ExperimentSpec
from precompute.store.reader import open_store
from tests.factory import Recipe, make_store
from tests.small import write_images, write_network

SMALL = Recipe(n_classes=3, per_class=6, layers=(("conv", 4, (5, 5)),), k=3)
GROUP = "/experiments/tuning/layers/<layer>"
SPEC = ExperimentSpec(
    name="tuning",
    title="Tuning of units",
    source="Nobody 2000",
    adds="for every layer: how sharply units are tuned",
    needs="the store",
    needs_network=False,
    options=(*OF_ANY, "keep"),
    entries=(
        Entry(f"{GROUP}/level", "f4", ("level",), "fraction", "The levels."),
        Entry(f"{GROUP}/width", "f4", ("unit", "level"), "fraction", "Share of the images above each level."),
    ),
    axes=(Axis("level", "levels of the activation", "as in the dataset `level`", "level"),),
)
SHARPNESS = MeasureRow(
    "sharpness", "Sharpness", "the largest less the mean", "", "0 and above", "higher", made_by="tuning"
)
SPREAD = MeasureRow(
    *("spread", "Spread of classes", "the largest class mean less the smallest", "", "0 and above", "higher"),
    made_by="selectivity",
    chance=SHUFFLED_LABELS,
    compute=lambda responses, labels: np.ptp(class_means(responses.mean, labels.label, labels.n_classes), axis=1),
)


def prepare(job):
    def run(advance):
        found = Findings({}, {})
        for layer in job.layers:
            unit = np.stack([layer.activation(unit).max for unit in range(layer.n_units)])
            level = np.array([0.5, 1 - job.options.keep])
            found.arrays[f"layers/{layer.name}/level"] = level
            found.arrays[f"layers/{layer.name}/width"] = (unit[:, :, None] > level).mean(axis=1)
            found.measures[layer.name] = {"sharpness": unit.max(axis=1) - unit.mean(axis=1)}
            advance(1)
        return found

    return Prepared(0.0, 0.0, len(job.layers), "layers", run)


def draw(view, layer, experiment):
    st.html(f"{layer.n_units} tuned units")


@pytest.fixture
def tuning(monkeypatch):
    """Three files and one name."""
    work = SimpleNamespace(prepare=prepare)
    shown = SimpleNamespace(PRESENTATION=Presentation("How tuned.", "Read it.", "It cannot tell.", draw))
    monkeypatch.setitem(sys.modules, "precompute.store.experiments.tuning", SimpleNamespace(SPEC=SPEC))
    monkeypatch.setitem(sys.modules, "precompute.experiments.tuning", work)
    monkeypatch.setitem(sys.modules, "explorer.experiments.tuning", shown)
    monkeypatch.setattr(registry, "NAMES", (*registry.NAMES, "tuning"))
    monkeypatch.setattr(table, "ROWS", (*table.ROWS, SHARPNESS))


@pytest.fixture
def store_path(tmp_path):
    return make_store(tmp_path / "store.h5", SMALL)


def test_an_experiment_is_found_by_the_command_line_the_store_and_the_check(tuning, store_path, capsys):
    with pytest.raises(SystemExit):
        main(["experiment", "tuning", "--help"])
    assert "[--keep SHARE]" in capsys.readouterr().out
    assert main(["experiment", "tuning", str(store_path), "--masks", "m"]) == 1
    assert "It takes --layer, --seed, --keep" in capsys.readouterr().err
    assert main(["experiment", "tuning", str(store_path), "--keep", "0.25"]) == 0
    with open_store(store_path) as store:
        held = store.experiment("tuning")
        assert held.facts["options"] == {"seed": 0, "keep": 0.25}
        assert held["layers/conv/width"].shape == (4, 2)
        measure = store.layer("conv").measures["sharpness"]
    assert (measure.label, measure.experiment, measure.kind) == ("Sharpness", "tuning", "quantity")
    assert check(store_path) == []


def test_what_breaks_its_specification_is_found_by_the_check(tuning, store_path):
    main(["experiment", "tuning", str(store_path)])
    path = "/experiments/tuning/layers/conv/width"
    with h5py.File(store_path, "r+") as file:
        file[path][0, 0] = 3
    assert [problem.path for problem in check(store_path)] == [path]


def test_an_experiment_is_found_by_the_documents(tuning):
    texts = {path.name: text for path, text in document.up_to_date().items()}
    assert "| `tuning` | the store | for every layer: how sharply units are tuned |" in texts["command-line.md"]
    assert (
        "| `/experiments/tuning/layers/<layer>/width` | f4 | unit, level | fraction | yes | never |"
        in texts["FORMAT.md"]
    )
    assert "| `level` | levels of the activation | as in the dataset `level` |" in texts["FORMAT.md"]


def test_a_measure_of_activations_is_computed_on_all_images_and_on_halves_and_has_its_level(monkeypatch, store_path):
    monkeypatch.setattr(table, "ROWS", (*table.ROWS, SPREAD))
    assert main(["experiment", "selectivity", str(store_path), "--max-minutes", "0.01"]) == 0
    assert check(store_path) == []
    with open_store(store_path) as store:
        layer, held = store.layer("conv"), store.experiment("selectivity")
        mean, label = np.stack([layer.activation(unit).mean for unit in range(4)]), store.images.label
        spread = np.ptp([mean[:, label == one].mean(axis=1) for one in range(3)], axis=0)
        np.testing.assert_allclose(layer.measures["spread"].values, spread, rtol=1e-6)
        assert "spread" in held["layers/conv/by_half/measure"]
        level = null_level_of(store, layer, "spread")
    # A dead unit, the last, has no level; of the others one prefers its class beyond it.
    assert np.isnan(level.level.values).tolist() == [False, False, False, True]
    assert (spread[:3] > level.level.values[:3]).any()


def test_a_kind_of_ablation_is_found_by_the_options_the_store_and_the_check(monkeypatch, store_path, tmp_path):
    half = AblationKind("half", "set to half of its mean", lambda means: means / 2)
    monkeypatch.setattr(ablation_kinds, "KINDS", (*ablation_kinds.KINDS, half))
    asked = RunOptions(model="m", layers=("l",), out=tmp_path / "s.h5", ablation=("half",))
    assert asked.ablation == ("half",)
    np.testing.assert_array_equal(ablation_kinds.kind_of("half").values(2, np.array([1.0, 3.0])), [0.5, 1.5])
    row = table.measure_row("max_class_drop_half")
    assert (row.label, row.ablation) == ("Largest class drop (half ablation)", "half")
    made = make_store(tmp_path / "half.h5", replace(SMALL, kinds=("zero", "half")))
    assert main(["experiment", "statistics", str(made)]) == 0
    assert check(made) == []
    with open_store(made) as store:
        assert store.layer("conv").ablations == ("zero", "half")
        assert "quoted_drop_half" in store.layer("conv").measures


def test_an_attribution_method_is_found_by_the_command_line_the_run_the_store_and_the_check(monkeypatch, tmp_path):
    times = Method("input_x_gradient", "Input times gradient", "InputXGradient")
    monkeypatch.setitem(METHODS, times.name, times)
    model, images, out = write_network(tmp_path), write_images(tmp_path / "images"), tmp_path / "small.h5"
    words = ["run", model, "--images", images, "--layer", "features.4", "--out", out, "--workers", "0", "--top-k", "2"]
    assert main([*map(str, words), "--attribution", "gradient", "--attribution", "input-x-gradient"]) == 0
    assert check(out) == []
    with open_store(out) as store:
        layer = store.layer("features.4")
        assert {facts.method for facts in layer.attributions} == {"gradient", "input_x_gradient"}
        one, other = (layer.attribution(name, 0).map for name in ("gradient", "input_x_gradient"))
    assert np.isfinite(other).all()
    assert not np.allclose(one, other)


# The app


def words(app):
    assert [element.value for element in app.exception] == []
    return "".join(element.proto.body for element in app.get("html"))


@pytest.fixture
def app(store_path, monkeypatch):
    monkeypatch.setenv("UNITSCOPE_RUNS", str(store_path.parent))
    return AppTest.from_file(str(Path(page_registry.__file__).parents[1] / "app.py"), default_timeout=30)


def test_an_experiment_is_found_by_the_app(tuning, store_path, app):
    app.query_params["experiment"] = "tuning"
    app.run()
    assert any("experiment=tuning" in link.proto.query_string for link in app.get("page_link"))
    app.switch_page("explorer/views/experiments.py")
    app.query_params["experiment"] = "tuning"
    assert "How tuned. Source: Nobody 2000." in words(app.run())
    assert app.code[0].value == f"python -m precompute experiment tuning {store_path}"
    main(["experiment", "tuning", str(store_path)])
    assert "4 tuned units" in words(app.run())


def test_a_page_is_one_file_and_one_row(monkeypatch, tmp_path, app):
    file = tmp_path / "gallery.py"
    file.write_text(
        "from explorer import navigate\n"
        "from explorer.page_registry import file_of\n"
        "from explorer.widgets import header\n"
        "with header.show(navigate.current(), page=file_of('gallery')):\n"
        "    header.place('all of them')\n"
    )
    page = page_registry.Page("gallery", "Gallery", lambda _: ["Gallery"], path=str(file))
    monkeypatch.setattr(page_registry, "PAGES", (*page_registry.PAGES, page))
    assert "Gallery" in [link.proto.label for link in app.run().get("page_link")]
    assert "all of them" in words(app.switch_page(str(file)).run())
