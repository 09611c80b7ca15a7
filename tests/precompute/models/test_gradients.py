import pytest
import torch
from torch import nn

from precompute.models.gradients import no_gradient
from precompute.models.load import load_model
from precompute.models.sites import find_site, list_sites
from precompute.models.upstream import kernel_l1
from tests import hostile


@pytest.fixture
def images():
    return torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def said(network, layer, images):
    return no_gradient(network, find_site(list_sites(network, images), layer), images)


@pytest.mark.parametrize("network", hostile.NO_GRADIENT, ids=lambda network: network.__name__)
def test_a_gradient_that_is_absent_or_wrong_is_said(network, images):
    assert hostile.NO_GRADIENT[network] in said(network().eval(), "conv2", images)


@pytest.mark.parametrize("network", [hostile.Tiny, hostile.FunctionalDropout, hostile.WithNorm])
def test_the_derivative_is_a_gradient(network, images):
    assert said(network().eval(), "conv2", images) is None


@pytest.mark.parametrize("network", [hostile.PartlyDetached, hostile.Rounded, hostile.StraightThrough])
def test_layers_before_what_is_wrong_have_their_gradient(network, images):
    assert said(network().eval(), "conv1", images) is None


@pytest.mark.parametrize(
    ("name", "layer"), [("resnet18", "layer4"), ("googlenet", "inception5b"), ("mobilenet_v2", "features.18.2")]
)
def test_networks_in_use_have_their_gradient(name, layer):
    network = load_model(name, "none").network
    assert said(network, layer, torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))) is None


def test_modules_that_work_in_place_have_their_gradient(images):
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 4, 3), nn.Flatten())
    assert said(network.eval(), "2", images) is None


def test_pictures_of_even_areas_have_their_gradient():
    """All that a maximum is taken of is equal there, and the maximum has no derivative."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Flatten()
    ).eval()
    assert said(network, "3", torch.full((2, 3, 32, 32), 0.7)) is None


def test_where_no_gradients_can_be_recorded_no_kernel_is_known(images):
    network = hostile.Decorated().eval()
    site = find_site(list_sites(network, images), "conv1")
    assert bool(torch.tensor(kernel_l1(network, site, images)).isnan().all())
