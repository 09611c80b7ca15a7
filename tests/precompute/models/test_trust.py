"""What the first images say of a network: a fixed function of one image to scores, or a sentence that says why not."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from precompute.errors import ModelError
from precompute.models.forward import logits
from precompute.models.load import load_model
from precompute.models.outputs import LOG_OF_PROBABILITIES, LOGITS, settle
from precompute.models.ready import refuse_unready
from precompute.models.sites import list_sites
from precompute.models.trust import refuse_units_not_numbers, trusted
from precompute.store import schema
from tests import hostile
from tests.everyday import everyday

NAMES = ["a.png", "b.png", "c.png", "d.png"]


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    return torch.rand(4, 3, 32, 32, generator=generator) * torch.tensor([0.2, 0.5, 1.0, 2.0])[:, None, None, None]


def looked_at(network, images):
    return trusted(network.eval(), images, NAMES)


def test_a_fixed_function_is_trusted_without_a_word(images):
    found = looked_at(hostile.Tiny(), images)
    assert (found.n_outputs, found.log_prob, found.conditions) == (3, LOGITS, ())


@pytest.mark.parametrize("network", hostile.CHANGING, ids=lambda network: network.__name__)
def test_what_is_no_fixed_function_is_refused_by_its_cause(network, images):
    with pytest.raises(ModelError, match=hostile.CHANGING[network]):
        looked_at(network(), images)


@pytest.mark.parametrize("make", hostile.SET_BY_FIRST)
def test_what_is_kept_of_the_first_images_is_refused_by_its_module(make, images):
    with pytest.raises(
        ModelError, match=r"keeps something of the first images that it is given, in kept: where others"
    ):
        looked_at(make(), images)


def test_what_is_kept_of_their_size_alone_is_no_fault_and_stays_kept(images):
    network = hostile.GridOfFirst()
    assert looked_at(network, images).conditions == ()
    assert network.grid.tolist() == torch.linspace(0.5, 1.5, 8).tolist()


def test_random_numbers_that_change_nothing_are_said(images):
    (condition,) = looked_at(hostile.UnusedNoise(), images).conditions
    assert condition.startswith("The network draws random numbers, in the forward function of the network itself")


def test_dynamic_quantisation_is_refused_by_the_module():
    network = torch.ao.quantization.quantize_dynamic(hostile.Tiny().eval(), {nn.Linear})
    with pytest.raises(ModelError, match="quantised in fc"):
        refuse_unready(network)


ROUNDING = ("resnet18", "mobilenet_v2", "swin_t", "densenet121")


@pytest.mark.parametrize("name", everyday(ROUNDING, lambda name: name in ("mobilenet_v2", "swin_t")))
def test_rounding_is_no_dependence(name):
    torch.manual_seed(0)
    network = load_model(name, "none").network
    inputs = torch.randn(8, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    alone = torch.cat([logits(network, inputs[[row]]) for row in range(8)]).detach()
    assert not torch.equal(alone, logits(network, inputs).detach())
    assert trusted(network, inputs, NAMES * 2).log_prob == LOGITS


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_networks_of_any_precision_are_held_to_their_own_rounding(dtype, images):
    assert looked_at(hostile.Tiny().to(dtype), images).conditions == ()
    with pytest.raises(ModelError, match="depends on the other images"):
        looked_at(hostile.BatchMaximum().to(dtype), images)


class Amplified(hostile.Tiny):
    """Adds the rounding error of a large sum, a thousand times: it differs between sizes of the batch."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3072, 3, generator=torch.Generator().manual_seed(0)))

    def forward(self, x):
        exact = x.double().flatten(1) @ self.weight.double()
        # Pieces of another size are added in another order, on whatever machine.
        size = 24 * len(x)
        pieces = zip(x.flatten(1).split(size, 1), self.weight.split(size), strict=True)
        return super().forward(x) + 1e3 * (sum(piece @ weight for piece, weight in pieces) - exact).to(x.dtype)


def test_rounding_that_grows_is_told_from_a_leak_by_float64(images):
    network = Amplified().eval()
    whole, alone = network(images), torch.cat([network(images[[row]]) for row in range(4)])
    apart = (whole - alone).abs().max() / whole.abs().max()
    assert apart > 16 * torch.finfo(torch.float32).eps, "batches of 1 and of 4 round alike here, so nothing is tested"
    looked_at(network, images)


def test_random_numbers_of_others_go_on_as_before(images):
    def drawn():
        return torch.rand(1).item(), random.random(), np.random.random()

    def seed():
        for seeded in (torch.manual_seed, random.seed, np.random.seed):
            seeded(5)

    network = hostile.OwnGenerator()
    seed()
    expected = drawn()
    seed()
    with pytest.raises(ModelError):
        looked_at(network, images)
    assert drawn() == expected


# What a network returns


@pytest.mark.parametrize("returned", hostile.TAKEN.values(), ids=hostile.TAKEN)
def test_the_one_tensor_that_can_be_the_scores_is_taken_and_said(returned, images):
    network = hostile.Returns(returned).eval()
    paths = [name for name, _ in network.named_modules()]
    found = looked_at(network, images)
    torch.testing.assert_close(logits(network, images), hostile.Tiny().eval()(images))
    assert "taken as the class scores" in found.conditions[0]
    assert [name for name, _ in network.named_modules()] == paths
    assert [site.name for site in list_sites(network, images)] == ["conv1", "conv2", "fc"]


@pytest.mark.parametrize("returned", hostile.WITH_ONES.values(), ids=hostile.WITH_ONES)
def test_dimensions_of_1_are_taken_off_the_scores_and_said(returned, images):
    network = hostile.Returns(returned).eval()
    found = looked_at(network, images)
    torch.testing.assert_close(logits(network, images), hostile.Tiny().eval()(images))
    assert (found.n_outputs, found.log_prob) == (3, "logits")
    assert "its dimensions of 1 are taken off" in found.conditions[0]


def test_one_score_for_each_pixel_is_no_output_with_dimensions_of_1(images):
    with pytest.raises(ModelError, match=r"a tensor of shape \(4, 3, 2, 1\)"):
        looked_at(hostile.Returns(lambda s, f, m: s[:, :, None, None].expand(-1, -1, 2, 1)), images)


@pytest.mark.parametrize("returned", hostile.AMBIGUOUS.values(), ids=hostile.AMBIGUOUS)
def test_where_several_tensors_could_be_the_scores_none_is_guessed(returned, images):
    with pytest.raises(ModelError, match="could be the class scores"):
        looked_at(hostile.Returns(returned), images)


@pytest.mark.parametrize(
    "apart", [lambda s, *_: list(s.split(1, 1)), lambda s, *_: {f"class {i}": s[:, i] for i in range(3)}]
)
def test_a_list_of_the_scores_of_single_classes_is_refused_with_the_way_on(apart, images):
    with pytest.raises(ModelError, match=r"each is the score of one class, let the network join them"):
        looked_at(hostile.Returns(apart), images)


@pytest.mark.parametrize(("made", "says"), hostile.KINDS.values(), ids=hostile.KINDS)
def test_the_kind_of_outputs_is_found(made, says, images):
    network = hostile.Returns(lambda scores, *_: made(scores)).eval()
    expected = made(hostile.Tiny().eval()(images)).float()
    found = looked_at(network, images)
    if says == LOGITS:
        assert (found.log_prob, found.conditions) == (LOGITS, ())
    else:
        assert found.log_prob == says or any(word in found.log_prob for word in says.split("|"))
        assert len(found.conditions) >= 1
    after = logits(network, images)
    assert torch.equal(after.argmax(1), expected.argmax(1))
    if says == LOG_OF_PROBABILITIES:
        torch.testing.assert_close(after, expected.log())
    else:
        torch.testing.assert_close(after, expected)


def test_probabilities_of_zero_have_a_logarithm(images):
    network = hostile.Returns(lambda scores, *_: (1e3 * scores).softmax(1)).eval()
    assert looked_at(network, images).log_prob == LOG_OF_PROBABILITIES
    found = logits(network, images)
    assert bool(torch.isfinite(found).all())
    assert float(found.min()) == pytest.approx(np.log(np.finfo(np.float32).tiny))


def test_what_a_run_found_is_made_once_more(images):
    def returned(scores, features, maps):
        return {"logits": scores.softmax(1), "maps": maps}

    first, second = (hostile.Returns(returned).eval() for _ in range(2))
    settle(second, images, looked_at(first, images).log_prob)
    torch.testing.assert_close(logits(second, images), logits(first, images))


def test_small_logits_of_a_linear_layer_are_not_taken_for_a_sigmoids(images):
    network = hostile.Tiny()
    with torch.no_grad():
        network.fc.weight /= 1e3
        network.fc.bias.copy_(torch.tensor([0.3, 0.5, 0.7]))
    assert 0 < network(images).min() < network(images).max() < 1
    assert looked_at(network, images).log_prob == LOGITS


def test_the_store_and_the_network_use_the_same_words():
    assert (schema.LOGITS, schema.LOG_OF_PROBABILITIES) == (LOGITS, LOG_OF_PROBABILITIES)


# What cannot be taken


@pytest.mark.parametrize(("make", "says"), hostile.REFUSED.values(), ids=hostile.REFUSED)
def test_a_network_that_cannot_be_taken_is_refused_by_its_cause(make, says, images):
    with pytest.raises(ModelError, match=says):
        looked_at(make(), images)


def test_an_interrupt_stays_an_interrupt(images):
    def interrupted(_self, _x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        looked_at(hostile.Forward(nn.ReLU(), interrupted), images)


def test_an_image_that_the_transform_makes_nan_of_is_named(images):
    images[2, 0, 0, 0] = torch.nan
    with pytest.raises(ModelError, match=r"transform makes NaN or infinity of c\.png"):
        looked_at(hostile.Tiny(), images)


# What is said of what is trusted all the same


def test_the_same_outputs_for_all_images_are_said(images):
    network = hostile.Tiny()
    with torch.no_grad():
        network.fc.weight.zero_()
    assert "the same outputs" in " ".join(looked_at(network, images).conditions)


def test_ties_for_the_highest_output_are_said(images):
    network = hostile.Returns(lambda scores, *_: scores[:, [0, 0, 0]] - torch.tensor([0.0, 0.0, 1.0]))
    assert "share the highest value" in " ".join(looked_at(network, images).conditions)


def test_a_part_that_stays_in_training_mode_without_effect_is_said(images):
    network = hostile.Tiny().eval()
    network.conv1.training = True
    assert "conv1: in training mode" in " ".join(trusted(network, images, NAMES).conditions)


# What it is made of


def test_a_network_in_torchscript_is_refused():
    with pytest.raises(ModelError, match="TorchScript"):
        refuse_unready(torch.jit.trace(hostile.Tiny().eval(), torch.rand(2, 3, 32, 32)))


def test_a_part_in_torchscript_is_passed_over_and_said(images):
    network = hostile.Tiny().eval()
    network.conv1 = torch.jit.script(nn.Sequential(network.conv1, nn.ReLU()))
    refuse_unready(network)
    assert "conv1: TorchScript" in " ".join(trusted(network, images, NAMES).conditions)
    assert [site.name for site in list_sites(network, images)] == ["conv2", "fc"]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: nn.Sequential(nn.LazyConv2d(4, 3)), "0.weight, 0.bias have no size yet"),
        (lambda: hostile.Tiny().to("meta"), "on the meta device"),
        (lambda: _with_parameter(lambda weight: weight.to_sparse()), "fc.weight are sparse"),
        (lambda: _with_parameter(lambda weight: weight * 1j), "fc.weight are complex"),
    ],
)
def test_parameters_that_are_no_plain_numbers_are_named(make, says):
    with pytest.raises(ModelError, match=says):
        refuse_unready(make())


def _with_parameter(changed):
    network = hostile.Tiny()
    network.fc.weight = nn.Parameter(changed(network.fc.weight.detach()), requires_grad=False)
    return network


def test_units_that_are_not_numbers_are_named_though_the_outputs_are_numbers():
    """They were noticed by the check of the finished store, hours later."""
    of_units = np.zeros((5, 4))
    refuse_units_not_numbers("conv", of_units, NAMES)
    of_units[2, 1:3], of_units[4, 2] = np.nan, np.inf
    with pytest.raises(
        ModelError, match=r"In layer conv the units 2, 4 are NaN or infinite on 2 of 4 images, b.png, c.png"
    ):
        refuse_units_not_numbers("conv", of_units, NAMES)
