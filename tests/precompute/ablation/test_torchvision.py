"""The engine on torchvision's families: a layer inside a block and the last; of small networks two more."""

import precompute.models.torchvision_ops  # noqa: F401

# isort: split
import pytest
import torch
import torch.nn.functional as F
from torchvision.models import get_model

from precompute.ablation.ablations import Ablation
from tests.everyday import everyday

LAYERS = {
    "alexnet": ["features.0", "features.7", "features.11", "classifier.4"],
    "vgg11_bn": ["features.12", "features.28"],
    "resnet18": ["conv1", "layer2.0.conv1", "layer3", "layer4"],
    "resnet50": ["layer2.1.conv2", "layer4"],
    "densenet121": ["features.denseblock2.denselayer3.conv2", "features.norm5"],
    "mobilenet_v2": ["features.8.conv.1", "features.17"],
    "mobilenet_v3_small": ["features.5.block.1", "features.12"],
    "efficientnet_b0": ["features.4.1.block.1", "features.8"],
    "googlenet": ["inception4b.branch2.0", "inception5b"],
    "inception_v3": ["Mixed_6c.branch7x7_2", "Mixed_7c"],
    "shufflenet_v2_x1_0": ["stage3.2.branch2", "conv5"],
    "squeezenet1_1": ["features.0", "features.6.squeeze", "features.9", "features.12"],
    "convnext_tiny": ["features.3.1.block.0", "features.7"],
    "regnet_y_400mf": ["trunk_output.block3.block3-1.f.b", "trunk_output.block4"],
}

# The smallest that Inception takes, and one at which ConvNeXt is no slower than the others.
SIZES = {"inception_v3": 96, "convnext_tiny": 32}


# A chain, and shortcuts with squeeze and excite; tests/precompute/ablation/test_graphs.py has each way to build.
# Units that lie last are in tests/test_coverage.py.
QUICK = {"alexnet", "mobilenet_v3_small"}


@pytest.mark.parametrize("name", everyday(LAYERS, QUICK.__contains__))
def test_predictions_and_log_probabilities_are_the_plain_methods(name, alive, engines, compare, ablations_of):
    torch.manual_seed(0)
    size = SIZES.get(name, 64)
    # Large patches of colour: networks with random weights average noise away.
    images = (
        2 * F.interpolate(torch.randn(12, 3, 3, 3), size=size, mode="bilinear") + torch.randn(12, 3, size, size) / 2
    )
    options = {"transform_input": False, "init_weights": False} if name in ("googlenet", "inception_v3") else {}
    network = alive(get_model(name, weights=None, num_classes=20, **options), images)
    results = []
    for engine in engines(network, LAYERS[name], images).values():
        results.append(compare(engine, images, ablations_of(engine.plain.site.n_units, n=3)))
        results[-1].check()
    assert sum(result.rechecked for result in results) < 0.01 * sum(result.rows for result in results)


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("resnet18", ["layer4"]),
        pytest.param("resnet18", ["layer3", "layer4"], marks=pytest.mark.long),
        pytest.param("squeezenet1_1", ["features.9"], marks=pytest.mark.long),
    ],
)
def test_so_are_those_of_directions(name, layers, alive, engines, compare):
    torch.manual_seed(0)
    images = 2 * F.interpolate(torch.randn(12, 3, 3, 3), size=64, mode="bilinear") + torch.randn(12, 3, 64, 64) / 2
    network = alive(get_model(name, weights=None, num_classes=20), images)
    for engine in engines(network, layers, images).values():
        basis = torch.linalg.qr(torch.randn(engine.plain.site.n_units, engine.plain.site.n_units)).Q
        directions = [Ablation((k,), (value,), basis) for k in range(6) for value in (0.0, 2.0)]
        compare(engine, images, directions).check()
