"""The presentation of feature entropy: its null, its transition, and what it says where there is nothing to show."""

import json

import numpy as np
import pytest
from streamlit.dataframe_util import convert_arrow_bytes_to_pandas_df

from tests.explorer.conftest import add_experiment, put

N_UNITS, N_CLASSES = 6, 12
LABEL = "red_ball"


def found(n_units=N_UNITS, n_classes=N_CLASSES):
    """Entropies that rise with the unit, and accuracy that falls early, late or evenly."""
    step = np.arange(n_units + 1)
    share = step / n_units
    curve = np.stack([np.where(step > 1, 0.1, 1.0), np.where(step > 4, 0.0, 0.9), *[1 - share] * 4])
    of_class = np.repeat(curve[:, :, None], n_classes, axis=2)
    by_unit = np.repeat(np.linspace(0.2, 2.4, n_units)[:, None], n_classes, axis=1)
    ends = {"low": -0.4, "mean": 0.0, "high": 0.4}
    arrays = {f"shuffled_{end}": np.full((n_units, n_classes), 1.5 + by) for end, by in ends.items()}
    arrays |= {f"noise_{end}": np.full((2, n_classes), 2.0 + by / 2) for end, by in ends.items()}
    return arrays | {
        "entropy": by_unit,
        "selective_rate": np.clip(by_unit / 2.4, 0, 1),
        "noise": ["independent", "smooth"],
        "noise_rate": np.array([1.0, 0.9]),
        "agreement": np.full(n_classes, 0.5),
        "ranking": ["lowest", "highest", *["random"] * 4],
        "n_removed": step,
        "accuracy": of_class,
        "loss": 3 * (1 - of_class),
    }


def add(path, arrays, layer="features.10", **facts):
    shared = {"half": np.array([0, 0, 1, -1]), "n_images": np.full(N_CLASSES, 2)}
    arrays = shared | {f"layers/{layer}/{name}": values for name, values in arrays.items()}
    add_experiment(path, "entropy", arrays, **facts)


@pytest.fixture
def page(made, runs, show):
    def opened(arrays, **words):
        add(put(made("full"), runs), arrays)
        return show("experiments", store="demo", experiment="entropy", **words)

    return opened


def cells(said, name):
    row = said.split(f"<tr><td>{name}</td>")[1].split("</tr>")[0]
    return [part.split("</td>")[0] for part in row.split('<td class="us-number">')[1:]]


def levels_chart(shown):
    return shown.charts()[0].proto.datasets


def test_entropies_of_a_class_stand_beside_noise_and_shuffles(page):
    shown = page(found(), class_=LABEL)
    said = shown.words
    assert cells(said, "independent noise") == ["2.00<br><small>1.80 to 2.20</small>", "100"]
    assert cells(said, "below independent noise") == ["4"]
    assert cells(said, "below all 19 shuffles of its maps") == ["3"]
    assert cells(said, "selective rate under 10 %") == ["1"]
    assert "If the pixels of a map were independent, up to 0.3 units would lie below all shuffles" in said
    assert "Entropies are computed on 2 images, accuracy and loss on others." in said
    assert "agree with those on the others at r = 0.50" in said
    assert len(shown.charts()) == 3


@pytest.mark.parametrize(
    ("smooth_low", "noise_rate", "n_blue"),
    [(1.8, 0.0, 3), (0.5, 0.0, 1), (np.nan, 0.0, 0), (1.8, 0.2, 2), (1.8, 0.9, 0)],
)
def test_blue_is_below_shuffles_and_noise_with_holes_as_often_as_smooth_noise(page, smooth_low, noise_rate, n_blue):
    """Half of the units of smooth noise lie below their shuffles, and half of those of sparse noise below both."""
    arrays = found()
    arrays["noise_low"][1], arrays["noise_rate"][1] = smooth_low, noise_rate
    tables = [convert_arrow_bytes_to_pandas_df(held.data.data) for held in levels_chart(page(arrays, class_=LABEL))]
    (beyond,) = [table["beyond"] for table in tables if "beyond" in table]
    assert len(beyond) == N_UNITS
    assert beyond.sum() == n_blue


def test_the_transition_is_a_number_in_every_order(page):
    said = page(found(), class_=LABEL).words
    assert cells(said, "lowest entropy first") == ["2", "90<br><small>1 to 2</small>", "32"]
    assert cells(said, "highest entropy first") == ["5", "90<br><small>4 to 5</small>", "68"]
    assert cells(said, "random orders: mean and range")[0] == "3<br><small>3 to 3</small>"
    assert "Steepest fall: the largest loss within 1 of 6 units" in said


def test_accuracy_and_loss_are_drawn_apart(page):
    accuracy, loss = (json.loads(chart.proto.spec) for chart in page(found(), class_=LABEL).charts()[1:])
    assert '"accuracy, %"' in json.dumps(accuracy)
    assert '"mean negative log-probability, nat"' in json.dumps(loss)
    assert "nat" not in json.dumps(accuracy)


def test_over_all_classes_the_mean_is_shown_without_ranges(page):
    shown = page(found())
    assert "mean over classes" in shown.words
    assert cells(shown.words, "independent noise") == ["2.00", "100"]
    assert "Noise has a range for single classes only" in shown.words
    assert '"low": 1' not in shown.charts()[0].proto.spec


def test_over_all_classes_units_are_held_to_the_range_of_the_mean_over_classes(page):
    arrays = found()
    n_units = len(arrays["entropy"])
    ends = {f"shuffled_mean_{end}": np.full(n_units, value) for end, value in (("low", 1.0), ("high", 2.0))}
    said = page(arrays | ends).words
    assert cells(said, "below all 19 shuffles of its maps") == [str((arrays["entropy"][:, 0] < 1.0).sum())]
    assert "below independent noise" not in said


@pytest.mark.parametrize("words", [{}, {"class_": LABEL}])
def test_where_no_ranks_can_be_compared_the_page_says_so(page, words):
    arrays = found() | {"agreement": np.full(N_CLASSES, np.nan)}  # as of a single image
    assert "The ranks of units by entropy cannot be compared." in page(arrays, **words).words


def test_classes_without_images_count_for_no_mean(page):
    arrays = found()
    for name in ("entropy", "selective_rate", "noise_mean", "shuffled_mean", "accuracy", "loss"):
        arrays[name][..., 0] = np.nan
    assert cells(page(arrays).words, "independent noise") == ["2.00", "100"]


def test_a_class_without_images_has_nothing_to_show(page):
    arrays = found()
    for name in ("entropy", "accuracy"):
        arrays[name][...] = np.nan
    assert "There is no feature entropy of red ball" in page(arrays, class_=LABEL).words


def test_a_class_that_cannot_be_measured_shows_its_entropies(page):
    arrays = found()
    for name in ("accuracy", "loss"):
        arrays[name][...] = np.nan
    shown = page(arrays, class_=LABEL)
    assert "No image of the class was measured." in shown.words
    assert len(shown.charts()) == 1


def test_units_that_a_rule_ranks_last_are_counted_and_not_drawn(page):
    arrays = found()
    arrays["entropy"][4:] = 100 * np.log(100)
    shown = page(arrays, class_=LABEL)
    assert "2 units that the rule ranks last" in shown.words
    assert "460" not in shown.charts()[0].proto.spec


def test_a_mean_over_classes_takes_a_random_order_of_its_own_for_each(page):
    arrays = found()
    arrays["accuracy"][2:] = np.array([0.2, 0.4, 0.6, 0.8])[:, None, None]
    assert cells(page(arrays).words, "random orders: mean and range")[2] == "50<br><small>50 to 50</small>"


def test_one_class_keeps_the_random_orders_as_they_are(page):
    arrays = found()
    arrays["accuracy"][2:] = np.array([0.2, 0.4, 0.6, 0.8])[:, None, None]
    shown = page(arrays, class_=LABEL)
    assert cells(shown.words, "random orders: mean and range")[2] == "50<br><small>20 to 80</small>"
