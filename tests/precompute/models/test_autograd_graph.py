import pytest
import torch
import torch.nn.functional as F
from torch import nn

from precompute.errors import LayerError
from precompute.models.autograd_graph import record
from precompute.models.sites import Site, find_site, list_sites


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.body = nn.Sequential(nn.ReLU(inplace=True), nn.BatchNorm2d(4))
        self.fc = nn.Linear(4, 2)
        self.scale = nn.Parameter(torch.ones(1, 4, 1, 1), requires_grad=False)

    def forward(self, x):
        x -= 0.5
        x = F.relu_(self.body(self.conv(x)) * self.scale)
        return self.fc(x.mean((2, 3)))


@pytest.fixture
def network():
    return Network().eval()


@pytest.fixture
def inputs():
    return torch.rand(4, 3, 6, 6)


def recorded(network, name, inputs):
    return record(network, find_site(list_sites(network, inputs), name), inputs)


def test_operations_come_in_the_order_in_which_they_were_computed(network, inputs):
    operations = recorded(network, "fc", inputs).operations()
    # The first two are the copy of the image that the network gets, and its change in place.
    assert [value.operation for value in operations] == [
        *("ToCopy", "Sub", "Convolution", "Relu", "NativeBatchNorm", "Mul", "Relu", "Mean", "Addmm")
    ]


def test_every_operation_knows_the_innermost_module_that_it_happened_in(network, inputs):
    graph = recorded(network, "fc", inputs)
    places = [graph.module_of(value) for value in graph.operations()]
    assert places == ["", "", "conv", "body.0", "body.1", "", "", "", "fc"]


def test_the_record_ends_at_the_site_whatever_happens_in_place_afterwards(network, inputs):
    assert recorded(network, "conv", inputs).output.operation == "Convolution"
    assert recorded(network, "body", inputs).output.shape == (2, 4, 4, 4)


def test_calls_are_counted_over_the_whole_pass():
    relu = nn.ReLU()
    network = nn.Sequential(nn.Linear(2, 2), relu, nn.Linear(2, 2), relu).eval()
    graph = recorded(network, "0", torch.rand(2, 2))
    assert graph.count_calls("1") == 2
    assert graph.count_calls("0") == 1


def test_parameters_require_gradients_exactly_as_before(network, inputs):
    recorded(network, "fc", inputs)
    assert {name for name, parameter in network.named_parameters() if not parameter.requires_grad} == {"scale"}
    assert all(parameter.grad is None for parameter in network.parameters())


def test_images_and_hooks_are_as_before(network, inputs):
    before = inputs.clone()
    recorded(network, "fc", inputs)
    assert torch.equal(inputs, before)
    assert not inputs.requires_grad
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_all_is_as_before_after_an_error(network, inputs):
    site = find_site(list_sites(network, inputs), "fc")
    network.fc = nn.Linear(5, 2)
    with pytest.raises(Exception, match="mat1 and mat2"):
        record(network, site, inputs)
    assert network.conv.weight.requires_grad
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_it_works_where_gradients_are_switched_off(network, inputs):
    with torch.no_grad():
        assert len(recorded(network, "fc", inputs).operations()) == 9


def test_where_no_gradient_leads_to_the_image_there_is_no_output():
    class Cut(nn.Module):
        def forward(self, x):
            return x.detach()

    assert recorded(nn.Sequential(nn.Linear(2, 2), Cut(), nn.Linear(2, 2)), "2", torch.rand(2, 2)).output is None


def test_a_site_that_is_not_reached_is_named(network, inputs):
    with pytest.raises(LayerError, match="conv#2"):
        record(network, Site("conv", 2, "Conv2d", 4, (4, 4), order=0), inputs)
