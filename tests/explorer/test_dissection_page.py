"""Concepts on the Experiments page, the unit page and the layer page."""

import base64
import io
import re

import h5py
import numpy as np
import pytest
from PIL import Image

from tests.explorer.conftest import add_experiment, put

LAYER = "features.10"
# Six units: a detector of red, one of striped, one of red that chance could make, one below the floor, one that is
# nowhere where a concept is, and one without a threshold.
IOU = np.array(
    [
        [0.30, 0.01, 0.02, 0.00],
        [0.00, 0.00, 0.10, 0.05],
        [0.06, 0.00, 0.00, 0.00],
        [0.03, 0.02, 0.01, 0.00],
        [0.00, 0.00, 0.00, 0.00],
        [np.nan] * 4,
    ],
    dtype=np.float32,
)
CHANCE = np.array([[0.01, 0.02, 0.05, 0.01, 0.0, np.nan], [0.02, 0.01, 0.07, 0.02, 0.0, np.nan]], dtype=np.float32)


def add_dissection(path, *, of_store=True, names=("red", "<b>blue</b>", "striped", "plain"), categories=None):
    """Add the units above, and masks whose left half is the best concept, whose upper half is the unit."""
    masks = np.zeros((6, 2, 8, 8), np.uint8)
    masks[:, :, :, :4] |= 1
    masks[:, :, :, 4:] |= 2
    masks[:, :, :4] |= 1 << 7
    ranked = np.where(np.nan_to_num(np.sort(IOU)[:, ::-1]) > 0, np.argsort(-IOU), -1)[:, :3]
    threshold = np.array([1, 2, 3, 4, 5, np.nan], np.float32)
    arrays = {
        "concept": names,
        "category": categories or ["colour", "colour", "texture", "texture"],
        "n_images": np.full(4, 5),
        "share": [0.02, 0.5, 0.1, 0.0001],
        "folder": ["/pictures/val", "/pictures/masks"],
        f"layers/{LAYER}/iou": IOU,
        f"layers/{LAYER}/chance": CHANCE,
        f"layers/{LAYER}/threshold": threshold,
        f"layers/{LAYER}/rotated_iou": np.array([[0.05, 0.05, 0.01, 0, 0, np.nan], [0.1, 0.2, 0.3, 0, 0, 0]]),
        f"layers/{LAYER}/rotated_concept": np.array([[1, 1, 2, 0, 0, np.nan], [1, 2, 0, 0, 0, 0]]),
    }
    own = {"used": np.ones(144, int), f"layers/{LAYER}/shown_concept": ranked, f"layers/{LAYER}/shown_mask": masks}
    add_experiment(path, "dissection", arrays | own if of_store else arrays)


@pytest.fixture
def dissected(made, runs):
    path = put(made("full"), runs)
    add_dissection(path)
    return path


# Experiments page


def row(name, *numbers):
    return f"<td>{name}</td>" + "".join(f'<td class="us-number">{number}</td>' for number in numbers)


def test_detectors_are_counted_by_category(dissected, show):
    said = show("experiments", store="demo", experiment="dissection").words
    assert row("colour", 2, 1, 2, 1) in said
    assert row("all", 4, 2, 3, 2) in said
    assert "In reach: concepts that cover between 0.02 % and 12.5 %" in said
    assert (
        '<small>mean of 2</small></td><td></td><td></td><td class="us-number">2.5</td><td class="us-number">2.0</td>'
        in said
    )
    # Unit 2 passes 4 % in both shuffles, and its own overlap is no higher.
    assert "Chance alone gives 1.0 detectors. 2 detectors of 3 overlap more" in said
    assert "Left out: 1 unit active at too few positions, or saturated at too many." in said
    assert "Masks from /pictures/masks, over 144 images of the store." in said


def test_every_unit_is_in_the_table_and_in_the_figure(dissected, show):
    shown = show("experiments", store="demo", experiment="dissection")
    table = shown.app.dataframe[0].value
    assert table["concept"].tolist() == ["red", "striped", "red", "red", "red", "–"]
    assert table["second"].tolist() == ["striped", "plain", "–", "<b>blue</b>", "–", "–"]
    np.testing.assert_allclose(table["iou"], 100 * IOU.max(axis=1), rtol=1e-5)
    np.testing.assert_allclose(table["ceiling"], 100 * CHANCE.max(axis=0), rtol=1e-5)
    overlaps, detected = (chart.proto.spec for chart in shown.charts())
    assert '"ceiling"' in overlaps
    assert '"red"' in detected
    assert '"striped"' in detected


def test_pictures_of_others_are_named(made, runs, show):
    path = put(made("full"), runs)
    add_dissection(path, of_store=False)
    assert (
        "images in /pictures/val, which are not the store&#x27;s"
        in show("experiments", store="demo", experiment="dissection").words
    )


def test_a_layer_without_any_detector_says_so(dissected, show):
    with h5py.File(dissected, "r+") as file:
        file[f"experiments/dissection/layers/{LAYER}/iou"][...] = 0.01
    assert "No unit reaches that" in show("experiments", store="demo", experiment="dissection").words


# Unit page


def overlays(words):
    """Pixels of the pictures laid over the exemplars below the heading of the concepts."""
    part = words[words.index("What it detects") :]
    part = part[: part.index("Where it looks")]
    found = re.findall(r'class="us-over" src="data:image/png;base64,([^"]+)"', part)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(each))).convert("RGBA")) for each in found]


def test_a_unit_shows_its_best_concepts_beside_chance(dissected, show):
    said = show("unit", store="demo", layer=LAYER, unit="0").words
    assert '<td>red<br><small>colour</small></td><td class="us-number">30.0</td>' in said
    assert "Above 4 %: a detector of red. Active: above 1.00." in said
    assert "1.5<br><small>at most 2.0</small>" in said
    assert "a detector of striped" in show("unit", store="demo", layer=LAYER, unit="1").words


@pytest.mark.parametrize(
    ("unit", "told"),
    [
        ("2", "Above 4 %, but no more than chance reaches."),
        ("3", "so it is not called a detector"),
        ("4", "nowhere active where a concept is"),
        ("5", "active at too few positions"),
    ],
)
def test_what_is_no_detector_is_said(dissected, show, unit, told):
    assert told in show("unit", store="demo", layer=LAYER, unit=unit).words


def test_concepts_are_drawn_on_the_exemplars(dissected, show):
    pictures = overlays(show("unit", store="demo", layer=LAYER, unit="0").words)
    assert len(pictures) == 2
    for pixels in pictures:
        left, right = pixels[200, 20], pixels[200, 200]
        assert (left[2] > left[1], left[3] > 0) == (True, True)
        assert right[3] == 0


def test_another_of_the_best_concepts_can_be_drawn(dissected, show):
    shown = show("unit", store="demo", layer=LAYER, unit="0")
    shown.app.segmented_control(key="concept_rank").set_value("2").run()
    assert shown.app.query_params["concept"] in ("2", ["2"])
    pixels = overlays(shown.words)[0]
    assert pixels[200, 20, 3] == 0
    assert pixels[200, 200, 3] > 0


def test_names_of_concepts_are_literal(dissected, show):
    said = show("unit", store="demo", layer=LAYER, unit="3").words
    assert "&lt;b&gt;blue&lt;/b&gt;" in said
    assert "<b>blue</b>" not in said


def test_concepts_of_other_pictures_are_not_drawn(made, runs, show):
    path = put(made("full"), runs)
    add_dissection(path, of_store=False)
    said = show("unit", store="demo", layer=LAYER, unit="0").words
    assert "looked for in other pictures" in said


def test_a_layer_that_was_not_dissected_shows_no_concepts(dissected, show):
    assert "What it detects" not in show("unit", store="demo", layer="features.8", unit="0").words


def test_a_concept_that_is_not_there_is_named(dissected, show):
    assert "“9”" in show("unit", store="demo", layer=LAYER, unit="0", concept="9").words


# Layer page


def test_the_best_concept_is_a_column_of_names_and_no_axis(dissected, show):
    with h5py.File(dissected, "r+") as file:
        measures = file[f"layers/{LAYER}/measure"]
        for name, values in (("concept", [0, 2, 0, 0, 0, np.nan]), ("concept_iou", IOU.max(axis=1))):
            held = measures.create_dataset(name, data=np.array(values, np.float32))
            held.attrs.update(dict.fromkeys(("formula", "source", "range", "better"), "") | {"label": name})
    shown = show("layer", store="demo", layer=LAYER)
    assert shown.app.dataframe[0].value["concept"].tolist() == ["red", "striped", "red", "red", "red", "–"]
    axes = shown.app.selectbox(key="measure_x").options
    assert "concept_iou" in axes
    assert "concept" not in axes


def test_a_name_of_two_categories_says_which(made, runs, show):
    path = put(made("full"), runs)
    add_dissection(path, names=("tree", "leaf", "tree", "bark"), categories=["object", "object", "part", "part"])
    table = show("experiments", store="demo", experiment="dissection").app.dataframe[0].value
    assert table["concept"].tolist()[:2] == ["tree (object)", "tree (part)"]
    assert table["second"].tolist()[:2] == ["tree (part)", "bark"]
