import pytest
import torch
from torch import nn

from precompute.errors import LayerError, ModelError
from precompute.models.sites import Site, find_site, find_sites, list_sites
from precompute.models.units_on import UnitsOn
from tests import hostile


class Zoo(nn.Module):
    """A module called three times, outputs that are not a site, and one layer with an output without space."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.body = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(inplace=True))
        self.pair = Pair()
        self.rows = nn.Flatten(2)
        self.single = Single()
        self.relu = nn.ReLU()
        self.fc = nn.Linear(4, 5)

    def forward(self, x):
        x = self.relu(self.conv(x))
        x = self.relu(self.body(x))
        self.pair(x)
        self.rows(x)
        self.single(x)
        return self.fc(self.relu(x).mean((2, 3)))


class Pair(nn.Module):
    def forward(self, x):
        return x, x


class Single(nn.Module):
    def forward(self, x):
        return x[:1]


@pytest.fixture
def sites():
    return list_sites(Zoo().eval(), torch.rand(2, 3, 6, 7))


def test_sites_are_listed_in_the_order_in_which_their_outputs_are_made(sites):
    assert [site.name for site in sites] == ["conv", "relu", "body.0", "body.1", "body", "relu#2", "relu#3", "fc"]
    assert [site.order for site in sites] == list(range(8))


def test_a_site_knows_its_module_and_its_shape(sites):
    assert sites[0] == Site(path="conv", call=1, kind="Conv2d", n_units=4, spatial_shape=(6, 7), order=0)
    assert sites[5] == Site(path="relu", call=2, kind="ReLU", n_units=4, spatial_shape=(6, 7), order=5)
    assert sites[-1] == Site(path="fc", call=1, kind="Linear", n_units=5, spatial_shape=(), order=7)


def test_each_call_is_found_by_its_name(sites):
    assert all(find_site(sites, site.name) is site for site in sites)


def test_an_unknown_layer_is_answered_with_the_close_ones(sites):
    with pytest.raises(LayerError, match=r"'relu#4'.*relu#2.*python -m precompute layers MODEL"):
        find_site(sites, "relu#4")


def test_a_module_that_no_pass_calls_is_told_apart_from_an_unknown_one():
    network, images = hostile.CallsForward().eval(), torch.rand(2, 3, 32, 32)
    with pytest.raises(LayerError, match="has a module conv2, but a forward pass on the first images does not call it"):
        find_sites(network, images, ["conv2"], units_on=UnitsOn())


ORDERS = {
    "reversed": lambda n: list(reversed(range(n))),
    "rolled": lambda n: [(row + 1) % n for row in range(n)],
    "two changed": lambda n: [*range(n - 2), n - 1, n - 2],
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("layer", ["conv2", "fc"])
def test_a_layer_that_has_the_images_in_another_order_is_refused_whatever_a_person_says(order, layer):
    network, images = hostile.TurnsImages(order).eval(), torch.rand(2, 3, 32, 32)
    with pytest.raises(LayerError, match=f"'{layer}' cannot be looked at, because the rows of its output are not"):
        find_sites(network, images, [layer], units_on=UnitsOn.read(("conv2=1",)))


def test_rows_that_are_the_images_are_taken_also_where_images_are_alike():
    network = hostile.TurnsImages(lambda n: list(range(n))).eval()
    sites = find_sites(network, torch.full((2, 3, 32, 32), 0.5), ["fc"], units_on=UnitsOn())
    assert [site.name for site in sites] == ["fc"]


def test_a_second_name_of_a_module_is_answered_with_the_first():
    network, images = hostile.SharedBlocks().eval(), torch.rand(2, 3, 32, 32)
    with pytest.raises(LayerError, match="again is the same module as conv2"):
        find_sites(network, images, ["again"], units_on=UnitsOn())


def test_an_unknown_layer_that_resembles_none_gets_no_false_hint(sites):
    with pytest.raises(LayerError) as error:
        find_site(sites, "transformer")
    assert "Close to it" not in str(error.value)


def test_a_size_that_the_network_cannot_take_is_a_sentence():
    network = nn.Sequential(nn.Conv2d(3, 4, 5), nn.Flatten(), nn.Linear(16, 2))
    with pytest.raises(ModelError, match=r"3 channels and 9×9 pixels: 2 \(Linear\) takes 16 numbers and is given 100 "):
        list_sites(network, torch.rand(2, 3, 9, 9))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_networks_in_half_precision_are_listed(dtype):
    sites = list_sites(Zoo().eval().to(dtype), torch.rand(2, 3, 6, 6))
    assert len(sites) == 8


def test_one_channel_input_is_fine():
    network = nn.Sequential(nn.Conv2d(1, 4, 3))
    assert list_sites(network, torch.rand(2, 1, 6, 6))[0].n_units == 4


def test_listing_leaves_no_hook():
    network = Zoo().eval()
    list_sites(network, torch.rand(2, 3, 6, 6))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
