"""The formulas on what the plainest possible program measured on two real networks."""

import numpy as np
import pytest

from precompute.measures import drops, exemplars, selectivity
from precompute.measures.activity import dead

pytestmark = pytest.mark.real

LAYERS = {
    "cifar10-resnet20/reference_layer2.npz": 1433,
    "cifar10-resnet20/reference_layer3.npz": 666,
    "photos12-mobilenetv1/reference_blocks.12.npz": 322,
}


@pytest.fixture(scope="module", params=LAYERS)
def reference(request, real):
    with np.load(real / request.param) as arrays:
        return {"n_flips": LAYERS[request.param], **{name: arrays[name] for name in arrays.files}}


def before_of(reference):
    # In both sets of images the classes are the outputs, in order.
    label = reference["label"]
    return drops.Answers(reference["baseline_prediction"], label, label, len(reference["class_name"]))


def test_baseline_counts_are_the_reference(reference):
    np.testing.assert_array_equal(before_of(reference).correct, reference["baseline_correct"])


def test_counts_without_each_unit_are_the_reference(reference):
    without = reference["ablated_prediction"]
    unit, image = np.nonzero(without != reference["baseline_prediction"])
    assert len(unit) == reference["n_flips"]
    found = drops.correct_without(unit, image, without[unit, image], len(without), before_of(reference))
    np.testing.assert_array_equal(found, reference["ablated_correct"])


def test_class_selectivity_is_the_reference(reference):
    means = selectivity.class_means(reference["activation_mean"], reference["label"], len(reference["class_name"]))
    index, preferred = selectivity.class_selectivity(means)
    np.testing.assert_allclose(index, reference["class_selectivity"], atol=1e-4)
    alive = ~np.isnan(index)
    np.testing.assert_array_equal(preferred[alive], reference["selective_class"][alive])
    np.testing.assert_array_equal(alive, dead(reference["activation_max"], reference["activation_mean"]) == 0)


def test_the_first_nine_exemplars_are_the_reference(reference):
    paths = [str(path) for path in reference["path"]]
    checksum = exemplars.path_checksums(paths)
    for unit, expected in enumerate(reference["top9_path"]):
        largest, mean = reference["activation_max"][unit], reference["activation_mean"][unit]
        image, _ = exemplars.top(largest, mean, checksum, 9)
        assert [paths[i] for i in image] == expected.tolist()


def test_saturated_units_tie_at_the_cut(real):
    with np.load(real / "photos12-mobilenetv1/reference_blocks.12.npz") as arrays:
        largest, mean = arrays["activation_max"], arrays["activation_mean"]
        checksum = exemplars.path_checksums([str(path) for path in arrays["path"]])
    at_six = (largest == 6).sum(axis=1)
    unit = int(at_six.argmax())
    assert at_six[unit] > 100
    # The maximum alone would cut through all of them; the mean tells most apart.
    assert exemplars.top(largest[unit], np.zeros_like(mean[unit]), checksum, 9)[1] == at_six[unit]
    assert exemplars.top(largest[unit], mean[unit], checksum, 9)[1] < at_six[unit]
