"""The arithmetic of the page that plans beyond the machine, held to PyTorch's counter and to slow twins."""

import precompute.models.torchvision_ops  # noqa: F401

# isort: split
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import get_model

from precompute.run.large_runs import FLOAT32, RUNS, USED, hours, sizes, times
from precompute.run.store_size import UNITS_ON_IMAGES, bytes_by_part

RESNET, CONVNEXT = RUNS


@pytest.mark.parametrize(
    ("run", "name"), [(RESNET, "resnet50"), (CONVNEXT, "convnext_large")], ids=["resnet50", "convnext_large"]
)
def test_operations_are_those_that_pytorch_counts(run, name):
    with torch.device("meta"):
        network, image = get_model(name, num_classes=run.n_classes).eval(), torch.zeros(1, 3, 224, 224)
    shapes = {}
    for layer in run.layers:
        network.get_submodule(layer.name).register_forward_hook(
            lambda _m, _i, out, name=layer.name: shapes.update({name: tuple(out.shape)})
        )
    with FlopCounterMode(display=False, depth=2) as counter:
        network(image)
    counted = {module: sum(found.values()) for module, found in counter.get_flop_counts().items()}
    assert counted["Global"] == run.whole
    for layer in run.layers:
        assert shapes[layer.name][1:] == (layer.n_units, *layer.map_shape)
        before = sum(n for module, n in counted.items() if _is_before(module.partition(".")[2], layer.name))
        assert run.whole - before == layer.operations_after


def _is_before(module, layer):
    """Whether a stage, or the stem, runs up to a layer: they are numbered, and have no stage above them."""
    order = (
        ["conv1", "layer1", "layer2", "layer3", "layer4"] if "layer" in layer else [f"features.{i}" for i in range(8)]
    )
    return module in order and order.index(module) <= order.index(layer)


def test_the_operations_of_a_run_are_a_pass_and_a_part_for_each_unit_and_image():
    slow = sum(layer.operations_after for layer in RESNET.layers for _ in range(layer.n_units)) + RESNET.whole
    assert RESNET.operations() == pytest.approx(50_000 * slow)


def test_an_hour_is_an_hour():
    assert hours(USED * FLOAT32 * 3600, FLOAT32) == 1


def test_sums_take_a_fraction_of_what_all_takes():
    for run in RUNS:
        whole, sums = (sum(bytes_by_part(run.contents(keep)).values()) for keep in ("all", "sums"))
        assert sums < whole / 2
        assert whole - sums == pytest.approx(bytes_by_part(run.contents("all"))[UNITS_ON_IMAGES])


def test_the_tables_have_a_row_for_every_layer_and_part():
    assert len(times()[1]) == sum(len(run.layers) + 1 for run in RUNS)
    assert {len(row) for row in (*times()[1], times()[0])} == {6}
    assert {len(row) for row in (*sizes()[1], sizes()[0])} == {5}
