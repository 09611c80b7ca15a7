"""The presentations of greedy compression, and of cumulative ablation for one class."""

import json

import numpy as np
import pandas as pd
import pytest

from explorer.charts.cumulative import NAMES
from explorer.experiments.compression import images_lost
from explorer.experiments.transitions import beside_random, transitions
from tests.explorer.conftest import add_experiment, put

N_UNITS = 6
STEP = np.arange(N_UNITS + 1)
FALL = 1 - STEP / N_UNITS
HALF = np.arange(144) % 2


def compression():
    return {
        "ranking": ["greedy", "drop", "random", "random"],
        "unit": np.stack([np.arange(N_UNITS), np.arange(N_UNITS)[::-1], *[np.roll(np.arange(N_UNITS), 1)] * 2]),
        "n_removed": STEP,
        "accuracy": np.stack([np.r_[[0.9] * N_UNITS, 0.1], 0.9 * FALL, 0.9 * FALL, 0.8 * FALL + 0.1]),
        "deciding_accuracy": np.r_[[0.95] * N_UNITS, 0.1],
        "reduction": np.zeros((N_UNITS, N_UNITS)),
        "colour_selectivity": np.array([0.9, 0.8, 0.1, 0.1, np.nan, 0.3]),
        **{f"{end}_class": np.tile([2, 1], (N_UNITS, 1)) for end in ("most", "least")},
        **{f"most_{name}": np.tile([2 / 6, 0], (N_UNITS, 1)) for name in ("drop", "held_out")},
        **{f"least_{name}": np.zeros((N_UNITS, 2)) for name in ("drop", "held_out")},
    }


def shown_with(arrays, made, runs, show):
    arrays = {f"layers/features.10/{name}": values for name, values in arrays.items()}
    add_experiment(put(made("full"), runs), "compression", {"half": HALF} | arrays)
    return show("experiments", store="demo", experiment="compression")


@pytest.fixture
def compressed(made, runs, show):
    return shown_with(compression(), made, runs, show)


def test_compression_tells_how_many_units_can_go(compressed):
    assert not compressed.app.exception
    row = '<td>greedy</td><td class="us-number">5</td><td class="us-number">5</td>'
    assert row in compressed.words
    assert "Decided in 6 rounds on 72 images, measured on 72 others" in compressed.words


def test_the_share_of_colour_among_the_first_follows_the_threshold(compressed):
    # Fewer units than twenty: all are first, and chance puts as many there.
    assert "3 of the first 6 units removed are selective for colour, as are 3 of all 6" in compressed.words
    compressed.app.select_slider(key="experiment_choice").set_value("0.5").run()
    assert compressed.app.query_params["choice"] in ("0.5", ["0.5"])
    assert "2 of the first 6 units removed are selective for colour" in compressed.words


def test_units_that_were_kept_are_not_among_the_first_removed(made, runs, show):
    full = compression()
    ends = {name: full[name][:4] for name in ("n_removed", "deciding_accuracy")}
    ends |= {"accuracy": full["accuracy"][:, :4], "reduction": full["reduction"][:3]}
    kept = shown_with(full | ends, made, runs, show)
    assert "2 of the first 3 units removed are selective for colour, as are 3 of all 6" in kept.words


def test_only_classes_that_lose_images_are_called_important_with_how_many(compressed, full_store):
    lose, neither = (f">{full_store.classes.title[index]}</a></td>" for index in (2, 1))
    assert f"class={full_store.classes.name[2]}" in compressed.words
    assert f'{lose}<td class="us-number">2 of 6</td><td class="us-number">2 of 6</td>' in compressed.words
    assert neither not in compressed.words
    assert "On the images that choose the classes, no class gains images without this unit." in compressed.words


def test_the_curves_are_drawn_with_the_greedy_one_first(compressed):
    spec = json.dumps(json.loads(compressed.charts()[0].proto.spec))
    assert '"greedy"' in spec
    assert '"drop alone"' in spec


def cumulative():
    own = np.repeat(np.stack([FALL**2, FALL])[None], 12, axis=0)
    return {
        "ranking": ["most", "least", "random"],
        "n_removed": STEP,
        "accuracy": np.stack([FALL**2, FALL, FALL]),
        "balanced": np.stack([FALL**2, FALL, FALL]),
        "class_accuracy": np.ones((3, N_UNITS + 1, 12)),
        "class_balanced": np.ones((3, N_UNITS + 1, 12)),
        "prunability": np.array([0.1, 0.6, 0.25]),
        "class_ranked/class": np.arange(12),
        "class_ranked/n_removed": STEP,
        **{f"class_ranked/{name}": own for name in ("accuracy", "class_accuracy", "class_balanced")},
    }


@pytest.fixture
def removed(made, runs, show):
    arrays = {f"layers/features.10/{name}": values for name, values in cumulative().items()}
    path = put(made("full"), runs)
    add_experiment(path, "cumulative", {"half": np.array([0, 1, 1, -1])} | arrays)

    def page(label=None):
        return show("experiments", store="demo", experiment="cumulative", **({"class_": label} if label else {}))

    return page


def test_a_class_has_orders_of_its_own(removed):
    shown = removed("red_ball")
    assert "most for the class first" in shown.charts()[0].proto.spec
    assert "4 most important" in shown.words
    assert "Prunability: 25 % of the units" in shown.words


def test_the_steepest_fall_is_a_number_and_a_place_in_every_order(removed):
    shown = removed()
    # The square of what is left of six units falls by 1 - (5/6)^2 at first, the others by a sixth at every step.
    first, even = (f'<td class="us-number">{fall}<br><small>0 to 1</small></td></tr>' for fall in (31, 17))
    rows = {name: shown.words.split(f"<td>{name}</td>")[1].split("</tr>")[0] + "</tr>" for name in NAMES.values()}
    assert rows[NAMES["most"]].endswith(first)
    assert rows[NAMES["least"]].endswith(even)
    assert "Steepest fall: the largest loss within 1 of 6 units" in shown.words


def test_a_class_that_never_falls_has_no_fall_marked(removed):
    marks = [layer["mark"] for layer in json.loads(removed("red_ball").charts()[0].proto.spec)["layer"]]
    assert not [mark for mark in marks if mark.get("strokeWidth", 0) > 5]


def test_places_are_those_that_a_walk_along_the_curve_finds():
    rng = np.random.default_rng(0)
    n_removed, ranking = np.array([0, 1, 3, 4, 6]), np.array(["most", "least"])
    curve = np.round(100 * np.sort(rng.random((2, 5)))[:, ::-1], 2) * [1, 1, 1, 1, 0]
    for row, way in zip(transitions(n_removed, ranking, curve).to_dict("records"), curve, strict=True):
        falls = [way[step] - way[step + 1] for step in range(4)]
        at = falls.index(max(falls))
        assert (row["start"], row["stop"], row["fall"]) == (n_removed[at], n_removed[at + 1], pytest.approx(max(falls)))
        assert row["half"] == next(n for n, left in zip(n_removed, way, strict=True) if left <= way[0] / 2)
        parts = [(b - a) * (y + z) / 2 for a, b, y, z in zip(n_removed, n_removed[1:], way, way[1:], strict=False)]
        assert row["mean"] == pytest.approx(sum(parts) / 6)


def test_images_that_a_class_gains_are_told_without_a_sign():
    assert images_lost(0.12, 25) == "3 of 25"
    assert images_lost(-0.04, 25) == "1 gained of 25"
    assert images_lost(0.0, 25) == "0 of 25"
    assert images_lost(float("nan"), 0) == "–"


def test_an_order_is_beside_random_ones_by_its_mean_alone():
    names = {"most": "most important first", "least": "least important first"}
    found = pd.DataFrame({"ranking": ["most", "least", *["random"] * 3], "mean": [40.0, 55.0, 41.0, 60.0, 50.0]})
    assert beside_random(found, names, "area").startswith(
        "By area, most important first lies below all 3 random orders; least important first lies among the 3 random "
        "orders. By chance, one order in 4 lies below all others"
    )
    assert "lies above all 3" in beside_random(found.assign(mean=[61, 61, 41, 60, 50]), names, "area")
    # A mean that equals that of a random order but for rounding is not below it.
    assert "first lies below" not in beside_random(found.assign(mean=[41 - 1e-9, 61, 41, 60, 50]), names, "area")
    assert beside_random(found[:2], names, "area") == ""


def test_one_more_random_order_lies_below_all_others_as_often_as_is_said():
    rng, below = np.random.default_rng(0), 0
    for _ in range(300):
        found = pd.DataFrame({"ranking": ["most", *["random"] * 20], "mean": rng.normal(size=21)})
        below += "lies below all 20" in beside_random(found, {"most": "most"}, "area")
    assert abs(below / 300 - 1 / 21) < 3 * (1 / 21 / 300) ** 0.5


def test_where_units_were_kept_the_numbers_of_removed_units_are_no_ends(made, runs, show):
    full = compression()
    parts = {name: full[name][:4] for name in ("n_removed", "deciding_accuracy")}
    said = shown_with(full | parts | {"accuracy": full["accuracy"][:, :4]}, made, runs, show).words
    assert "No more than 3 units were removed: where this number stands, more could go." in said


def test_the_unit_whose_classes_are_shown_is_in_the_address(compressed):
    chosen = compressed.app.selectbox(key="compression_unit_features.10")
    assert chosen.value == N_UNITS - 1
    chosen.select(2).run()
    assert compressed.app.query_params["unit"] == "2"
    assert compressed.app.selectbox(key="compression_unit_features.10").value == 2
