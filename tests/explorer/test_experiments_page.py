"""The page around the experiments, whatever a store holds of them."""

import h5py
import numpy as np
import pytest

from explorer.experiments.presentation import presentation_of
from precompute.store.experiments import registry
from tests.explorer.conftest import THOUSAND, add_experiment, put


def links(shown):
    return [link.proto for link in shown.app.get("page_link") if "experiment=" in link.proto.query_string]


def test_every_experiment_that_the_machine_knows_is_a_link(made, runs, show):
    put(made("full"), runs)
    for page in ("experiments", "overview"):
        found = links(show(page, store="demo"))
        assert [link.query_string.split("experiment=")[1] for link in found] == list(registry.NAMES)


def test_every_experiment_has_a_presentation():
    for name in registry.NAMES:
        assert presentation_of(name).shows.endswith(".")
    assert presentation_of("phrenology") is None


@pytest.mark.parametrize("row", registry.specs(), ids=lambda row: row.name)
def test_an_experiment_that_the_store_lacks_says_how_to_add_it(row, made, runs, show):
    path = put(made("full"), runs)
    shown = show("experiments", store="demo", experiment=row.name)
    assert row.title in shown.words
    assert row.advice in shown.words
    assert [code.value for code in shown.app.code] == [f"python -m precompute experiment {row.name} {path}"]


def test_an_experiment_of_an_unknown_name_shows_its_facts_and_where_its_numbers_are(made, runs, show):
    path = put(made("full"), runs)
    add_experiment(path, "phrenology", {"layers/features.8/bumps": np.zeros(5)}, reduced="Only half a skull.")
    shown = show("experiments", store="demo", experiment="phrenology")
    assert "Phrenology" in shown.words
    assert "Nobody 2000" in shown.words
    assert "Only half a skull." in shown.words
    assert [code.value for code in shown.app.code] == ["layers/features.8/bumps"]


def test_a_layer_that_was_carried_out_by_another_command_says_so(made, runs, show):
    path = put(made("full"), runs)
    add_experiment(path, "phrenology", {f"layers/features.{n}/bumps": np.zeros(5) for n in (8, 10)}, command="the last")
    with h5py.File(path, "r+") as file:
        file["/experiments/phrenology/layers/features.8"].attrs["command"] = "the one before"
    for layer, command in (("features.8", "the one before"), ("features.10", "the last")):
        words = show("experiments", store="demo", experiment="phrenology", layer=layer).words
        assert [said in words for said in ("the one before", "the last")] == [
            command == "the one before",
            command == "the last",
        ]


def test_an_experiment_that_nobody_knows_is_named_and_another_shown(made, runs, show):
    put(made("full"), runs)
    said = show("experiments", store="demo", experiment="<b>alchemy</b>").words
    assert "“&lt;b&gt;alchemy&lt;/b&gt;”" in said
    assert registry.specs()[0].title in said


def test_the_first_experiment_that_the_store_holds_is_shown_first(made, runs, show):
    add_experiment(put(made("full"), runs), "phrenology", {})
    assert "Nobody 2000" in show("experiments", store="demo").words


def test_a_store_of_a_thousand_classes_can_choose_among_them(made, runs, show):
    add_cumulative(put(made("thousand", THOUSAND), runs), "layer4", n_units=3, n_classes=1000)
    shown = show("experiments", store="demo", experiment="cumulative", class_="class_900")
    assert len(shown.app.selectbox(key="experiment_class").options) == 1000
    assert "class 900" in shown.words


# Cumulative ablation


def add_cumulative(path, layer, *, n_units=6, n_classes=12, by="{}"):
    """Add curves that fall evenly: by most important, twice as fast at first."""
    step = np.arange(n_units + 1)
    share = step / n_units
    curve = np.stack([(1 - share) ** 2, 1 - share**2, *[1 - share] * 4])
    of_class = np.repeat(curve[:, :, None], n_classes, axis=2) * np.linspace(0, 1, n_classes)
    arrays = {
        "ranking": ["most", "least", *["random"] * 4],
        "n_removed": step,
        "accuracy": curve,
        "balanced": 0.5 + curve / 2,
        "class_accuracy": of_class,
        "class_balanced": 0.5 + of_class / 2,
    }
    half = {"half": np.array([0, 1, 1, -1])}
    add_experiment(
        path, "cumulative", half | {f"layers/{layer}/{name}": each for name, each in arrays.items()}, options=by
    )


@pytest.fixture
def cumulative(made, runs):
    path = put(made("full"), runs)
    add_cumulative(path, "features.10")
    return path


def test_cumulative_ablation_shows_one_scale_at_a_time(cumulative, show):
    shown = show("experiments", store="demo", experiment="cumulative")
    specs = [chart.proto.spec for chart in shown.charts()]
    assert len(specs) == 1
    assert '"accuracy, %"' in specs[0]
    assert "balanced" not in specs[0]
    shown.app.segmented_control(key="experiment_choice").set_value("balanced").run()
    (spec,) = [chart.proto.spec for chart in shown.charts()]
    assert '"balanced accuracy, %"' in spec
    assert shown.app.query_params["choice"] in ("balanced", ["balanced"])


def test_cumulative_ablation_tells_areas_and_halves(cumulative, show):
    said = show("experiments", store="demo", experiment="cumulative").words
    # By hand: trapezoids under (1 - s)^2 at sevenths of a sixth; it is first at or below one half at 2 of 6 units.
    area = np.trapezoid((1 - np.arange(7) / 6) ** 2, dx=1 / 6)
    assert (
        f'<td>most important first</td><td class="us-number">{100 * area:.1f}</td><td class="us-number">2</td>' in said
    )
    assert "Ranked by the overall drop of each unit alone on 1 images, measured on 2 others." in said


def test_cumulative_ablation_shows_one_class(cumulative, show):
    shown = show("experiments", store="demo", experiment="cumulative", class_="red_ball")
    assert "red ball" in shown.words
    shown.app.selectbox(key="experiment_class").set_value(None).run()
    assert "features.10, all images" in shown.words
    assert "class" not in shown.app.query_params


def test_a_layer_that_was_left_out_is_not_offered(cumulative, show):
    said = show("experiments", store="demo", experiment="cumulative", layer="features.8").words
    assert "Not carried out on features.8; features.10 is shown." in said


def test_a_choice_that_is_not_there_is_named(cumulative, show):
    said = show("experiments", store="demo", experiment="cumulative", choice="<i>x</i>").words
    assert "“&lt;i&gt;x&lt;/i&gt;”" in said


def test_an_experiment_of_another_version_says_how_to_make_it_anew(made, runs, show):
    add_experiment(put(made("full"), runs), "cumulative", {"layers/features.10/n_removed": np.arange(3)})
    shown = show("experiments", store="demo", experiment="cumulative")
    assert not shown.app.exception
    assert "another version of Unitscope added it" in shown.words
