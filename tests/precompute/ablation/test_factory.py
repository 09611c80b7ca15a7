"""Which way a layer is swept, and what is said about it."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from precompute.ablation.ablations import each_unit
from precompute.ablation.engine import Engine
from precompute.ablation.factory import make_ablaters
from precompute.ablation.plain import PlainAblater
from precompute.models.sites import find_site, list_sites


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.fc = nn.Linear(4, 5)

    def forward(self, x):
        return self.fc(F.relu(self.conv(x)).mean((2, 3)))


class Undecided(Small):
    """Takes another path where the images are bright: no one graph holds for all images."""

    def forward(self, x):
        return super().forward(x) if x.mean() > 0 else super().forward(-x)


class Windowed(Small):
    """Cuts each image in quarters and takes them for images, as window attention does."""

    def forward(self, x):
        x = F.relu(self.conv(x))
        quarters = x.reshape(-1, 4, 2, 3, 2, 3).permute(0, 2, 4, 1, 3, 5).reshape(-1, 4, 3, 3)
        peaks = F.relu(quarters - 0.2).mean((2, 3)).reshape(-1, 4, 4).amax(1)
        return self.fc(peaks * x.mean((2, 3)))


class Handing(Small):
    """Hands on whatever it is given, as wrappers do."""

    def forward(self, *args, **kwargs):
        return super().forward(*args, **kwargs)


class Unused(Small):
    """Computes something that reaches no output, as an auxiliary head may."""

    def __init__(self):
        super().__init__()
        self.beside = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        self.beside(x)
        return super().forward(x)


class Aliased(Small):
    """Changes in place what a layer gave before: a mark on that layer would cut the two apart."""

    def __init__(self):
        super().__init__()
        self.act = nn.ReLU(inplace=True)

    def forward(self, x):
        before = self.conv(x)
        self.act(before).add_(1)
        return self.fc(before.mean((2, 3)))


def choose(network, images, name="conv"):
    site = find_site(list_sites(network, images[:2]), name)
    return make_ablaters(network, [site], images[:2], batch_size=4)[site]


def test_an_ordinary_network_takes_the_engine_also_for_a_single_example():
    ablater, reason = choose(Small().eval(), torch.randn(1, 3, 8, 8))
    assert isinstance(ablater, Engine)
    assert reason is None


def test_a_network_that_could_be_given_anything_takes_the_engine(compare):
    network, images = Handing().eval(), torch.randn(6, 3, 8, 8)
    ablater, reason = choose(network, images)
    assert reason is None
    compare(ablater, images, each_unit([0.0] * 4)).check(flips=0)


def test_a_network_that_looks_at_values_takes_the_plain_method_and_says_why():
    # All images are bright: where they differ, each depends on the others of its batch, and the network has no layers.
    ablater, reason = choose(Undecided().eval(), torch.rand(2, 3, 8, 8))
    assert isinstance(ablater, PlainAblater)
    assert reason.startswith("what it computes depends on the values in the images (torch.export: ")
    assert "\n" not in reason


def test_a_network_in_half_precision_takes_the_plain_method():
    ablater, reason = choose(Small().eval().bfloat16(), torch.randn(2, 3, 8, 8))
    assert isinstance(ablater, PlainAblater)
    assert "bfloat16" in reason


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.int32])
def test_a_network_whose_outputs_have_another_precision_takes_the_plain_method_and_says_so(dtype):
    network = Small().eval()
    network.register_forward_hook(lambda _network, _inputs, output: output.to(dtype))
    ablater, reason = choose(network, torch.randn(2, 3, 8, 8))
    assert isinstance(ablater, PlainAblater)
    assert reason == f"its outputs are in {str(dtype).removeprefix('torch.')}, and exact means in float32"


def test_a_network_in_training_mode_takes_the_plain_method():
    ablater, reason = choose(Small().train(), torch.randn(2, 3, 8, 8))
    assert isinstance(ablater, PlainAblater)
    assert "training mode" in reason


def test_a_layer_that_reaches_no_output_takes_the_plain_method():
    ablater, reason = choose(Unused().eval(), torch.randn(2, 3, 8, 8), "beside")
    assert isinstance(ablater, PlainAblater)
    assert "do not depend on the layer" in reason


def test_pieces_of_images_in_the_place_of_images_do_not_mislead(compare):
    network, images = Windowed().eval(), torch.randn(6, 3, 8, 8)
    ablater, reason = choose(network, images)
    assert reason is None
    compare(ablater, images, each_unit([0.0] * 4)).check(flips=0)
    assert ablater.counts.changed > 0


@pytest.mark.parametrize("shift", [0.0, 1e-3])
def test_a_captured_graph_that_is_not_the_network_is_refused(shift, monkeypatch):
    network, images = Small().eval(), torch.randn(2, 3, 8, 8)
    honest = F.linear
    monkeypatch.setattr(F, "linear", lambda x, w, b: honest(x, w, b + shift * torch.compiler.is_exporting()))
    ablater, reason = choose(network, images)
    assert isinstance(ablater, PlainAblater if shift else Engine)
    assert (reason is None) is (shift == 0)


def test_a_layer_whose_mark_changes_the_network_leaves_the_other_layers_to_the_engine():
    network, images = Aliased().eval(), torch.randn(4, 3, 8, 8)
    sites = [find_site(list_sites(network, images[:2]), name) for name in ("conv", "act", "fc")]
    chosen = make_ablaters(network, sites, images, batch_size=4)
    by_engine = {site.name: isinstance(ablater, Engine) for site, (ablater, _) in chosen.items()}
    assert by_engine == {"conv": True, "act": False, "fc": True}
