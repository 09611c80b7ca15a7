"""Four roles on the Experiments page."""

import numpy as np
import pytest

from precompute.measures.roles import ROLES
from tests.explorer.conftest import add_experiment, put


def made_up_roles(n_units=6, n_classes=12):
    """Effects and roles of six units: both, training only, held-out only, neither, undetermined, both."""
    training = np.array([0.5, 0.6, 0.0, 0.0, 0.1, 0.9])
    held_out = np.array([0.4, -0.1, 0.7, 0.0, 0.1, 0.8])
    error = np.full(n_units, 0.02)
    role = np.array([1, 2, 3, 4, 0, 1])
    control = np.array([1, 0, 0, 4, 0, 0])
    by_unit = {"training": training, "training_error": error, "held_out": held_out, "held_out_error": error}
    by_unit |= {"role": role, "role_q": np.full(n_units, 0.01), "control_role": control}
    by_class = {name: np.repeat(values[:, None], n_classes, axis=1) for name, values in by_unit.items()}
    by_class["training"][:, 1:] = 0
    by_class["training"][:, 11] = np.nan
    return by_class | {f"unit_{name}": values for name, values in by_unit.items()}


def add(path):
    """Add the roles above to a store, for both kinds of ablation of one layer."""
    shared = {
        "training_images": np.full(12, 30),
        "held_out_images": np.full(12, 12),
        "training_accuracy": np.full(12, 1.0),
        "held_out_accuracy": np.full(12, 0.75),
    }
    base = "layers/features.10/ablation"
    found = made_up_roles()
    arrays = {f"{base}/{kind}/{name}": values for kind in ("zero", "mean") for name, values in found.items()}
    add_experiment(path, "roles", shared | arrays)


@pytest.fixture
def roles(made, runs):
    path = put(made("full"), runs)
    add(path)
    return path


def test_roles_are_counted_beside_their_control(roles, show):
    said = show("experiments", store="demo", experiment="roles").words
    for role, n_units, control in ((1, 2, 1), (2, 1, 0), (3, 1, 0), (4, 1, 1), (0, 1, 4)):
        cells = "".join(f'<td class="us-number">{n}</td>' for n in (n_units, control, 12 * n_units, 12 * control))
        assert f"<td>{ROLES[role]}</td>{cells}" in said


def test_memorising_units_are_listed_first_with_the_difference_and_its_interval(roles, show):
    frame = show("experiments", store="demo", experiment="roles").app.dataframe[0].value
    assert frame["unit"].tolist() == [1, 2, 0, 5, 3, 4]
    first = frame.iloc[0]
    assert first["role"] == "helps training only"
    assert first["gap"] == pytest.approx(0.7)
    assert first["gap_error"] == pytest.approx(1.96 * 0.02 * np.sqrt(2))


def test_the_plane_shows_every_unit(roles, show):
    charts = show("experiments", store="demo", experiment="roles").charts()
    assert len(charts) == 1
    assert '"helps training only"' in charts[0].proto.spec


def test_one_class_shows_what_units_are_worth_to_it(roles, show):
    names = show("experiments", store="demo", experiment="roles").app.selectbox(key="experiment_class").options
    shown = show("experiments", store="demo", experiment="roles", class_="red_ball")
    assert "red ball" in shown.words
    assert len(names) == 12
    assert "30 training images, 100 % right; 12 held-out images, 75 % right." in shown.words


def test_a_class_with_images_on_one_side_only_says_so(roles, show, full_store):
    last = full_store.classes.name[11]
    shown = show("experiments", store="demo", experiment="roles", class_=last)
    assert "Nothing can be said about" in shown.words
    assert shown.charts() == []


def test_either_kind_of_ablation_can_be_looked_at(roles, show):
    shown = show("experiments", store="demo", experiment="roles")
    shown.app.segmented_control(key="experiment_choice").set_value("mean").run()
    assert shown.app.query_params["choice"] in ("mean", ["mean"])
    assert len(shown.charts()) == 1
