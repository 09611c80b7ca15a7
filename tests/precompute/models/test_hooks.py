import pytest
import torch
from captum.attr import NeuronDeconvolution, NeuronGradient, NeuronGuidedBackprop, NeuronIntegratedGradients
from torch import nn

from precompute.ablation.ablations import each_unit
from precompute.ablation.plain import PlainAblater
from precompute.errors import LayerError
from precompute.models.hooks import SiteOutput, edit, observe, out_of_place, outputs_at
from precompute.models.sites import find_site, find_sites, list_sites
from precompute.models.units_on import UnitsOn
from tests import hostile


class Block(nn.Module):
    """A residual block with one in-place ReLU called twice and an in-place sum, as in torchvision's ResNets."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(4, 4, 3, padding=1)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.dropout = nn.Dropout(0.5, inplace=True)

    def forward(self, x):
        y = self.conv2(self.relu(self.conv1(x)))
        y += x
        return self.dropout(self.relu(y))


class Network(nn.Module):
    def __init__(self, n_channels=3):
        super().__init__()
        self.stem = nn.Conv2d(n_channels, 4, 3, padding=1)
        self.block = Block()
        self.fc = nn.Linear(4, 5)

    def forward(self, x):
        return self.fc(self.block(self.stem(x)).mean((2, 3)))


class StepByStep:
    """Slow twin: the outputs of `Network`, computed out of place from the definition."""

    def __init__(self, network, x):
        block = network.block
        self.stem = network.stem(x)
        self.conv1 = block.conv1(self.stem)
        self.relu1 = self.conv1.clamp(min=0)
        self.conv2 = block.conv2(self.relu1)
        self.relu2 = (self.conv2 + self.stem).clamp(min=0)
        self.logits = network.fc(self.relu2.mean((2, 3)))


NAMES = {"stem": "stem", "block.conv1": "conv1", "block.relu": "relu1", "block.conv2": "conv2", "block.relu#2": "relu2"}


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Network().eval()


@pytest.fixture
def inputs():
    return torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def site(network, inputs):
    sites = list_sites(network, inputs)
    return lambda name: find_site(sites, name)


def has_hooks(network):
    return any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def zero_unit_1(output):
    output[:, 1] = 0
    return output


@pytest.mark.parametrize("name", NAMES)
def test_the_output_is_seen_as_it_was_made_and_stays_so(network, inputs, site, name):
    seen = []
    with observe(network, {site(name): seen.append}), torch.no_grad():
        network(inputs)
    expected = getattr(StepByStep(network, inputs), NAMES[name])
    torch.testing.assert_close(seen, [expected])


def test_observing_does_not_change_the_result(network, inputs, site):
    before = network(inputs)
    with observe(network, {site(name): lambda output: output.zero_() for name in NAMES}), torch.no_grad():
        assert torch.equal(network(inputs), before)


def test_every_forward_pass_counts_its_calls_afresh(network, inputs, site):
    seen = []
    with observe(network, {site("block.relu#2"): seen.append}):
        network(inputs)
        network(inputs)
    assert len(seen) == 2
    assert torch.equal(seen[0], seen[1])


def test_a_pass_that_raised_half_way_does_not_shift_the_counting(network, inputs, site):
    seen = []
    with observe(network, {site("block.relu#2"): seen.append}):
        with pytest.raises(ZeroDivisionError), observe(network, {site("block.conv2"): lambda _: 1 / 0}):
            network(inputs)
        network(inputs)
    torch.testing.assert_close(seen, [StepByStep(network, inputs).relu2])


def test_hooks_of_observe_are_gone_after_an_error(network, inputs, site):
    with pytest.raises(ZeroDivisionError), observe(network, {site("stem"): lambda _: 1 / 0}):
        network(inputs)
    assert not has_hooks(network)


def test_hooks_are_gone_when_one_of_several_cannot_be_set(network, site):
    other = nn.Sequential(nn.Linear(2, 2))
    with pytest.raises(AttributeError), observe(other, {site("stem"): print}):
        pass
    assert not has_hooks(other)


def test_everything_downstream_of_an_edit_sees_the_new_output(network, inputs, site):
    with edit(network, site("block.relu"), zero_unit_1):
        edited = network(inputs)
    twin = StepByStep(network, inputs)
    relu1 = twin.relu1.clone()
    relu1[:, 1] = 0
    relu2 = (network.block.conv2(relu1) + twin.stem).clamp(min=0)
    torch.testing.assert_close(edited, network.fc(relu2.mean((2, 3))))


def test_the_second_call_of_a_module_is_edited_alone(network, inputs, site):
    with edit(network, site("block.relu#2"), zero_unit_1):
        edited = network(inputs)
    relu2 = StepByStep(network, inputs).relu2.clone()
    relu2[:, 1] = 0
    torch.testing.assert_close(edited, network.fc(relu2.mean((2, 3))))


def test_a_tensor_that_an_edit_keeps_is_not_spoilt_by_modules_in_place(network, inputs, site):
    kept = torch.full((2, 4, 6, 6), -1.0)
    with edit(network, site("block.conv1"), lambda _: kept), torch.no_grad():
        network(inputs)
    assert torch.equal(kept, torch.full((2, 4, 6, 6), -1.0))


def test_an_edit_leaves_what_flows_beside_the_site_untouched():
    class Beside(nn.Module):
        def __init__(self):
            super().__init__()
            self.dropout = nn.Dropout()

        def forward(self, x):
            return x + self.dropout(x)

    network, ones = Beside().eval(), torch.ones(2, 3)
    (dropout,) = list_sites(network, ones)
    with edit(network, dropout, zero_unit_1):
        assert torch.equal(network(ones), torch.tensor([[2.0, 1, 2]] * 2))
    assert torch.equal(ones, torch.ones(2, 3))


def test_after_an_edit_the_network_is_as_before(network, inputs, site):
    before = network(inputs)
    with edit(network, site("stem"), torch.zeros_like):
        assert not torch.equal(network(inputs), before)
    assert torch.equal(network(inputs), before)
    assert not has_hooks(network)


def test_hooks_of_edit_are_gone_after_an_error(network, inputs, site):
    with pytest.raises(ZeroDivisionError), edit(network, site("stem"), lambda _: 1 / 0):
        network(inputs)
    assert not has_hooks(network)


def test_an_observer_inside_an_edit_sees_the_new_output(network, inputs, site):
    seen = []
    with edit(network, site("stem"), torch.zeros_like), observe(network, {site("stem"): seen.append}):
        network(inputs)
    assert not seen[0].any()


def test_outputs_at_equal_the_definition(network, inputs, site):
    outputs = outputs_at(network, [site(name) for name in NAMES], inputs)
    twin = StepByStep(network, inputs)
    for wanted, output in outputs.items():
        torch.testing.assert_close(output, getattr(twin, NAMES[wanted.name]))


def test_outputs_at_come_in_the_order_asked_for_without_gradients(network, inputs, site):
    wanted = [site("block.conv2"), site("stem")]
    outputs = outputs_at(network, wanted, inputs)
    assert list(outputs) == wanted
    assert not any(output.requires_grad for output in outputs.values())


def test_nothing_after_the_last_site_runs(network, inputs, site):
    ran = []
    network.fc.register_forward_hook(lambda *_: ran.append("fc"))
    network.block.conv2.register_forward_hook(lambda *_: ran.append("conv2"))
    outputs_at(network, [site("block.relu"), site("stem")], inputs)
    assert ran == []


def test_a_network_that_catches_exceptions_is_stopped_all_the_same(inputs):
    class Stubborn(Network):
        def forward(self, x):
            try:
                return super().forward(x)
            except Exception:
                return torch.zeros(len(x), 5)

    network = Stubborn().eval()
    stem = list_sites(network, inputs)[0]
    assert outputs_at(network, [stem], inputs)[stem].shape == (2, 4, 6, 6)


def test_a_site_that_is_not_reached_is_named(network, inputs, site):
    network.block.relu = nn.Identity()
    beyond = site("block.relu#2")
    network.block.forward = lambda x: network.block.relu(x)
    with pytest.raises(LayerError, match=r"block\.relu#2"):
        outputs_at(network, [beyond], inputs)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_networks_take_float32_images(network, inputs, site, dtype):
    exact = outputs_at(network, [site("block.relu#2")], inputs)
    half = outputs_at(network.to(dtype), [site("block.relu#2")], inputs)
    ((expected,), (found,)) = exact.values(), half.values()
    assert found.dtype == dtype
    torch.testing.assert_close(found.float(), expected, atol=0.05, rtol=0.05)


def test_one_channel_input_is_fine():
    network, inputs = Network(n_channels=1).eval(), torch.randn(2, 1, 6, 6)
    site = find_site(list_sites(network, inputs), "block.relu#2")
    torch.testing.assert_close(outputs_at(network, [site], inputs)[site], StepByStep(network, inputs).relu2)


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_of_a_site_output_is_that_of_the_definition(network, inputs, site, name):
    wanted = getattr(StepByStep(network, inputs.requires_grad_()), NAMES[name])
    (expected,) = torch.autograd.grad(wanted[:, 2, 3, 3].sum(), inputs)
    (found,) = torch.autograd.grad(SiteOutput(network, site(name))(inputs)[:, 2, 3, 3].sum(), inputs)
    torch.testing.assert_close(found, expected)


def test_a_site_output_runs_nothing_after_its_site(network, inputs, site):
    network.fc.register_forward_hook(lambda *_: pytest.fail("ran too far"))
    SiteOutput(network, site("block.relu#2"))(inputs)


def test_a_site_output_is_in_the_mode_of_its_network_and_leaves_it_so(network, site):
    assert not SiteOutput(network, site("stem")).training
    assert not network.training


def test_gradients_reach_the_input_of_a_half_precision_network(network, inputs, site):
    wrapped = SiteOutput(network.to(torch.bfloat16), site("block.relu#2"))
    (gradient,) = torch.autograd.grad(wrapped(inputs.requires_grad_()).sum(), inputs)
    assert gradient.dtype == torch.float32
    assert gradient.any()


@pytest.mark.parametrize("name", ["block.relu", "block.relu#2"])
def test_captum_gets_the_gradient_of_the_unit_at_a_position(network, inputs, site, name):
    wrapped = SiteOutput(network, site(name))
    (expected,) = torch.autograd.grad(wrapped(inputs.requires_grad_())[:, 2, 3, 3].sum(), inputs)
    found = NeuronGradient(wrapped, wrapped.out).attribute(inputs, (2, 3, 3))
    torch.testing.assert_close(found, expected)


def test_captum_integrated_gradients_add_up_to_the_difference(network, inputs, site):
    wrapped = SiteOutput(network, site("block.relu"))
    method = NeuronIntegratedGradients(wrapped, wrapped.out)
    maps = method.attribute(inputs, (2, 3, 3), n_steps=200)
    difference = (wrapped(inputs) - wrapped(torch.zeros_like(inputs)))[:, 2, 3, 3]
    torch.testing.assert_close(maps.sum((1, 2, 3)), difference, atol=1e-2, rtol=1e-2)


@pytest.mark.parametrize(
    ("method", "rule"),
    [
        (NeuronGuidedBackprop, lambda gradient, x: gradient.clamp(min=0) * (x > 0)),
        (NeuronDeconvolution, lambda gradient, _x: gradient.clamp(min=0)),
    ],
)
@pytest.mark.filterwarnings("ignore:Setting backward hooks:UserWarning", "ignore:Input Tensor 0:UserWarning")
def test_captum_rewrites_relus_that_work_in_place(method, rule):
    torch.manual_seed(0)
    first, second = nn.Linear(6, 8), nn.Linear(8, 3)
    network = nn.Sequential(first, nn.ReLU(inplace=True), second, nn.ReLU(inplace=True)).eval()
    inputs = torch.randn(5, 6)
    wrapped = SiteOutput(network, find_site(list_sites(network, inputs), "2"))
    with out_of_place(network):
        found = method(wrapped, wrapped.out).attribute(inputs, (1,))
    hidden = first(inputs)
    torch.testing.assert_close(found, rule(second.weight[1].expand_as(hidden), hidden) @ first.weight)


def test_modules_work_out_of_place_inside_the_block_only(network):
    with out_of_place(network):
        assert not network.block.relu.inplace
        assert not network.block.dropout.inplace
    assert network.block.relu.inplace
    assert network.block.dropout.inplace


def test_out_of_place_is_undone_after_an_error(network):
    with pytest.raises(ZeroDivisionError), out_of_place(network):
        raise ZeroDivisionError
    assert network.block.relu.inplace


def test_modules_that_never_worked_in_place_stay_so():
    relu = nn.ReLU()
    with out_of_place(relu):
        pass
    assert not relu.inplace


@pytest.mark.parametrize("n", [4, 5])
def test_a_network_that_divides_its_images_is_refused_wherever_a_layer_is_seen_or_set(n):
    network, images = hostile.Divides(n).eval(), torch.rand(6, 3, 32, 32)
    (site,) = find_sites(network, images[:2], ["conv2"], units_on=UnitsOn())
    said = f"output has {n} rows where the network is given 6 images, .*--batch-size"
    with pytest.raises(LayerError, match=said):
        outputs_at(network, [site], images)
    with pytest.raises(LayerError, match=said):
        PlainAblater(network, site, batch_size=6).run(images, each_unit([0.0] * 6)[0])
    outputs_at(network, [site], images[:n])
