import precompute.models.torchvision_ops  # noqa: F401

# isort: split
import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from captum.attr import NeuronDeconvolution, NeuronGuidedBackprop
from torch import nn
from torchvision.models.vgg import cfgs, make_layers
from torchvision.ops import FrozenBatchNorm2d

from precompute.errors import LayerError
from precompute.models.hooks import SiteOutput, out_of_place, outputs_at
from precompute.models.load import load_model
from precompute.models.sites import find_site, list_sites
from precompute.models.units_on import UnitsOn
from precompute.models.upstream import first_kernel, kernel_l1, unrectifiable
from tests.hostile import Sharpens


class Do(nn.Module):
    """A module that is one function, with the modules that the function uses."""

    def __init__(self, function, *children):
        super().__init__()
        self.function = function
        self.parts = nn.ModuleList(children)

    def forward(self, x):
        return self.function(x, *self.parts)


class DoInPython(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 2


def torchvision_network(name):
    """Make one of torchvision's networks with random weights, also in its batch norms."""
    torch.manual_seed(0)
    options = {"init_weights": False} if name == "googlenet" else {}
    network = torchvision.models.get_model(name, weights=None, **options).eval()
    return with_lively_norms(network)


def with_lively_norms(network):
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return network


def l1(network, name, n_pixels=64):
    inputs = torch.rand(2, 3, n_pixels, n_pixels)
    return kernel_l1(network, find_site(list_sites(network, inputs, units_on=UnitsOn.read(["1"])), name), inputs)


def reason(network, name, n_pixels=64):
    inputs = torch.rand(2, 3, n_pixels, n_pixels)
    return unrectifiable(network, find_site(list_sites(network, inputs, units_on=UnitsOn.read(["1"])), name), inputs)


def conv_twin(conv):
    """Slow twin: the sum over input channels and places, a unit at a time."""
    return np.array([float(kernel.detach().double().abs().sum()) for kernel in conv.weight])


def norm_twin(norm):
    """Slow twin: what a batch norm multiplies each unit by."""
    return np.array(
        [
            abs(gamma.item()) / (var.item() + norm.eps) ** 0.5
            for gamma, var in zip(norm.weight, norm.running_var, strict=True)
        ]
    )


@pytest.fixture(scope="module")
def alexnet():
    return torchvision_network("alexnet")


@pytest.fixture(scope="module")
def vgg11_features():
    torch.manual_seed(0)
    return with_lively_norms(make_layers(cfgs["A"], batch_norm=True)).eval()


@pytest.fixture(scope="module")
def resnet18():
    return torchvision_network("resnet18")


@pytest.fixture(scope="module")
def googlenet():
    return torchvision_network("googlenet")


@pytest.fixture(scope="module")
def mobilenet():
    return torchvision_network("mobilenet_v2")


# --- the kernel that alone makes a unit


@pytest.mark.parametrize("name", ["features.10", "features.11", "features.12", "features", "avgpool"])
def test_relu_and_pooling_keep_the_kernel_of_alexnets_last_convolution(alexnet, name):
    np.testing.assert_allclose(l1(alexnet, name), alexnet.features[10].weight.abs().sum((1, 2, 3)).detach(), rtol=1e-5)


def test_relu_and_dropout_keep_the_kernel_of_a_linear_layer(alexnet):
    expected = alexnet.classifier[1].weight.abs().sum(1).detach()
    for name in ("classifier.1", "classifier.2", "classifier.3"):
        np.testing.assert_allclose(l1(alexnet, name), expected, rtol=1e-5)


def test_flattening_that_splits_units_makes_new_ones_without_a_kernel(alexnet):
    assert np.isnan(l1(alexnet, "classifier.0")).all()


@pytest.mark.parametrize(
    ("name", "conv", "norm"), [("1", 0, 1), ("2", 0, 1), ("3", 0, 1), ("24", 22, 23), ("28", 25, 26)]
)
def test_batch_norm_scales_the_kernel(vgg11_features, name, conv, norm):
    expected = conv_twin(vgg11_features[conv]) * norm_twin(vgg11_features[norm])
    np.testing.assert_allclose(l1(vgg11_features, name), expected, rtol=1e-5)


def test_batch_norm_inside_a_residual_block_scales_its_kernel(resnet18):
    block = resnet18.layer1[0]
    expected = conv_twin(block.conv1) * norm_twin(block.bn1)
    np.testing.assert_allclose(l1(resnet18, "layer1.0.bn1"), expected, rtol=1e-5)
    np.testing.assert_allclose(l1(resnet18, "layer1.0.relu"), expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["layer4", "layer1.0", "layer1.0.relu#2", "avgpool"])
def test_a_residual_sum_is_made_by_no_single_kernel(resnet18, name):
    assert np.isnan(l1(resnet18, name)).all()


def test_a_functional_relu_keeps_the_kernel(googlenet):
    layer = googlenet.inception3a.branch1
    np.testing.assert_allclose(
        l1(googlenet, "inception3a.branch1"), conv_twin(layer.conv) * norm_twin(layer.bn), rtol=1e-5
    )


@pytest.mark.parametrize("name", ["inception3a", "inception4a.branch4.0"])
def test_a_concatenation_is_made_by_no_single_kernel(googlenet, name):
    assert np.isnan(l1(googlenet, name)).all()


def test_a_depthwise_convolution_is_the_kernel_of_its_units(mobilenet):
    depthwise, norm, _relu6 = mobilenet.features[2].conv[1]
    expected = conv_twin(depthwise) * norm_twin(norm)
    np.testing.assert_allclose(l1(mobilenet, "features.2.conv.1.2"), expected, rtol=1e-5)


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_transposed_convolutions_are_summed_over_their_inputs(groups):
    conv = nn.ConvTranspose2d(6, 12, 3, groups=groups)
    network = nn.Sequential(nn.Conv2d(3, 6, 1), conv, nn.ReLU())
    expected = np.zeros(12)
    for n_in in range(6):
        group = n_in // (6 // groups)
        for n_out in range(12 // groups):
            expected[group * (12 // groups) + n_out] += conv.weight[n_in, n_out].abs().sum().item()
    np.testing.assert_allclose(l1(network, "2", n_pixels=4), expected, rtol=1e-5)


@pytest.mark.parametrize("groups", [1, 3])
def test_grouped_convolutions_are_summed_over_their_own_inputs(groups):
    conv = nn.Conv2d(3, 6, 3, groups=groups)
    np.testing.assert_allclose(l1(nn.Sequential(conv), "0", n_pixels=4), conv_twin(conv), rtol=1e-5)


def test_each_factor_on_the_way_counts():
    conv, norm = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)
    gamma = torch.tensor([1.0, -2, 3, -4]).view(4, 1, 1)
    network = with_lively_norms(nn.Sequential(conv, norm, Do(lambda x: 5 * (x * gamma) / 2), norm)).eval()
    expected = conv_twin(conv) * norm_twin(norm) ** 2 * np.array([1, 2, 3, 4]) * 2.5
    np.testing.assert_allclose(l1(network, "1#2", n_pixels=4), expected, rtol=1e-5)


def test_batch_norm_without_gamma_divides_by_the_deviation():
    conv, norm = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, affine=False)
    norm.running_var.uniform_(0.5, 2)
    expected = conv_twin(conv) / np.sqrt(norm.running_var.numpy() + norm.eps)
    np.testing.assert_allclose(l1(nn.Sequential(conv, norm).eval(), "1", n_pixels=4), expected, rtol=1e-5)


def test_a_frozen_batch_norm_is_a_batch_norm():
    conv, norm = nn.Conv2d(3, 4, 1), FrozenBatchNorm2d(4)
    norm.weight.normal_()
    norm.running_var.uniform_(0.5, 2)
    expected = conv_twin(conv) * norm_twin(norm)
    np.testing.assert_allclose(l1(nn.Sequential(conv, norm), "1", n_pixels=4), expected, rtol=1e-5)


KEEP_UNITS = {
    "padding at run time": lambda x: F.pad(x, (1, 0, 2, 0)),
    "reflection": lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect"),
    "mean over space": lambda x: x.mean((-1, -2)),
    "maximum over space": lambda x: x.flatten(2).max(-1)[0],
    "global pooling, flattened": lambda x: F.adaptive_avg_pool2d(x, 1).flatten(1),
    "pooling to a size": lambda x: F.adaptive_max_pool2d(x, 2),
    "every second place": lambda x: x[:, :, ::2, 1:],
    "height and width swapped": lambda x: x.permute(0, 1, 3, 2).transpose(-1, -2),
    "SiLU": F.silu,
    "GELU in place of ReLU6": lambda x: F.gelu(F.relu6(x)),
    "a constant added in place": lambda x: x.clone().add_(torch.ones(4, 1, 1)),
    "one minus it": lambda x: 1 - x,
    "enlarged": lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
    "dropout": lambda x: F.dropout2d(x, training=False),
    "another precision": lambda x: x.double().float(),
}


@pytest.mark.parametrize("function", KEEP_UNITS.values(), ids=KEEP_UNITS.keys())
def test_operations_that_keep_each_unit_to_itself_keep_its_kernel(function):
    conv = nn.Conv2d(3, 4, 1)
    found = l1(nn.Sequential(conv, Do(function)), "1", n_pixels=4)
    np.testing.assert_allclose(found, conv_twin(conv), rtol=1e-5)


PICTURE = torch.rand(4, 4, generator=torch.Generator().manual_seed(0))
# The maps are 4×4 and there are four units, so that no shape gives a mixture away.
MIX_UNITS = {
    "a sum": lambda x: x + x.relu(),
    "a product": lambda x: x * x.sigmoid(),
    "a mask": lambda x: x * (x > 0),
    "a product with a picture": lambda x: x * PICTURE,
    "units moved by padding": lambda x: F.pad(x, (0, 0, 0, 0, 1, -1)),
    "means over units": lambda x: x.mean(1).mean(1),
    "half of the units, twice": lambda x: torch.cat([x[:, :2], x[:, :2]], 1),
    "another arrangement": lambda x: x.reshape(len(x), 8, 2, 4),
    "shuffled units": lambda x: F.channel_shuffle(x, 2),
    "units rolled": lambda x: x.roll(1, 1),
    "a group norm": lambda x: F.group_norm(x, 1),
    "softmax": lambda x: x.softmax(1),
    "a matrix product over places": lambda x: x @ PICTURE,
    "a function defined in Python": DoInPython.apply,
    "no gradient": lambda x: x.detach(),
}


@pytest.mark.parametrize("function", MIX_UNITS.values(), ids=MIX_UNITS.keys())
def test_behind_anything_else_there_is_no_kernel(function):
    network = nn.Sequential(nn.Conv2d(3, 4, 1), Do(function))
    assert np.isnan(l1(network, "1", n_pixels=4)).all()


def test_the_image_itself_has_no_kernel():
    assert np.isnan(l1(nn.Sequential(nn.ReLU()), "0", n_pixels=4)).all()


def test_linear_layers_over_places_have_no_kernels_of_units():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Linear(4, 4))
    with pytest.raises(LayerError):
        l1(network, "1", n_pixels=4)


def test_changing_a_kernel_changes_its_own_unit_only(googlenet):
    """What the measure claims, seen from outside: this kernel makes this unit, and no other."""
    images = torch.rand(2, 3, 64, 64)
    site = find_site(list_sites(googlenet, images), "inception3a.branch1")
    before = outputs_at(googlenet, [site], images)[site]
    kernel = googlenet.inception3a.branch1.conv.weight.data[5]
    original = kernel.clone()
    kernel.add_(1)
    after = outputs_at(googlenet, [site], images)[site]
    kernel.copy_(original)
    changed = (after != before).flatten(2).any(2).any(0)
    assert changed.nonzero().flatten().tolist() == [5]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_networks_are_measured_in_float32(dtype):
    conv = nn.Conv2d(3, 4, 3).to(dtype)
    found = l1(nn.Sequential(conv, nn.ReLU()), "1", n_pixels=4)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, conv_twin(conv), rtol=1e-5)


def test_frozen_parameters_are_measured_too():
    conv = nn.Conv2d(3, 4, 3).requires_grad_(False)
    np.testing.assert_allclose(l1(nn.Sequential(conv), "0", n_pixels=4), conv_twin(conv), rtol=1e-5)
    assert not conv.weight.requires_grad


def test_one_channel_input_is_fine():
    network, images = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True)), torch.rand(2, 1, 4, 4)
    site = find_site(list_sites(network, images), "1")
    np.testing.assert_allclose(kernel_l1(network, site, images), conv_twin(network[0]), rtol=1e-5)


# --- what stands in the way of guided backpropagation


def kernel_at(network, name, n_channels=3):
    inputs = torch.rand(2, n_channels, 64, 64)
    return first_kernel(network, find_site(list_sites(network, inputs, units_on=UnitsOn.read(["1"])), name), inputs)


@pytest.mark.parametrize("name", ["features.0", "features.1", "features.2"])
def test_the_first_convolution_and_what_keeps_its_units_have_a_first_kernel(alexnet, name):
    np.testing.assert_array_equal(kernel_at(alexnet, name), alexnet.features[0].weight.detach().numpy())


def test_no_other_convolution_has_a_first_kernel(alexnet, mobilenet):
    assert kernel_at(alexnet, "features.3") is None
    assert kernel_at(alexnet, "classifier.1") is None
    assert kernel_at(mobilenet, "features.0.2") is not None
    assert kernel_at(mobilenet, "features.1.conv.0.2") is None


def test_a_normalisation_may_come_before_the_first_kernel_and_a_mixture_may_not():
    conv = nn.Conv2d(3, 4, 3)
    mixed = nn.Sequential(nn.Conv2d(3, 3, 1), conv)
    assert kernel_at(mixed, "1") is None
    inside = nn.Sequential(Do(lambda x: (x - 0.5) / torch.tensor([0.2, 0.3, 0.4]).view(3, 1, 1)), conv)
    np.testing.assert_array_equal(kernel_at(inside, "1"), conv.weight.detach().numpy())
    assert kernel_at(nn.Sequential(nn.Conv2d(1, 4, 3)), "0", n_channels=1) is None


@pytest.mark.parametrize("name", ["features.0", "features.11", "features", "avgpool", "classifier.5", "classifier"])
def test_nothing_is_in_the_way_in_alexnet(alexnet, name):
    assert reason(alexnet, name) is None


@pytest.mark.parametrize("name", ["conv1", "bn1", "relu", "maxpool", "layer1.0.bn1"])
def test_nothing_is_in_the_way_at_the_start_of_a_resnet(resnet18, name):
    assert reason(resnet18, name) is None


def test_a_relu_that_is_called_twice_is_named(resnet18):
    assert "layer1.0.relu, which is called 2 times" in reason(resnet18, "layer4")


def test_relu6_is_named_with_its_place(mobilenet):
    assert "ReLU6 in features.0.2" in reason(mobilenet, "features.18")


def test_a_functional_relu_is_named_with_its_place(googlenet):
    assert "a functional ReLU in conv1" in reason(googlenet, "inception5b")


def test_only_what_lies_before_the_site_counts(mobilenet):
    assert reason(mobilenet, "features.0.1") is None
    assert reason(mobilenet, "features.0.2") is not None


def test_an_operation_in_the_networks_own_forward_function_is_placed_there():
    class Network(nn.Sequential):
        def forward(self, x):
            return self[1](F.hardtanh(self[0](x)))

    network = Network(nn.Conv2d(3, 4, 1), nn.ReLU())
    assert "a functional hardtanh in the forward function of the network itself" in reason(network, "1", n_pixels=4)


BENT = {
    "clamp": lambda x: x.clamp(min=0),
    "a mask": lambda x: x * (x > 0),
    "a mask of numbers": lambda x: (x > 0).float() * x,
    "division by a mask": lambda x: x / (1 + (x > 0).float()),
    "where": lambda x: torch.where(x > 0, x, 0),
    "masked_fill": lambda x: x.masked_fill(x < 0, 0),
    "maximum": lambda x: torch.maximum(x, torch.zeros(())),
    "a product of tensors": lambda x: x * x.sum((2, 3), keepdim=True),
    "one over it": lambda x: 1 / x,
    "a constant over it": lambda x: torch.ones(4, 1, 1) / x,
    "softmax": lambda x: x.softmax(1),
    "attention": lambda x: x @ x.transpose(2, 3),
    "SiLU": F.silu,
    "leaky ReLU": F.leaky_relu,
    "absolute value": torch.abs,
    "local response normalisation": lambda x: F.local_response_norm(x, 2),
    "a function defined in Python": DoInPython.apply,
}


@pytest.mark.parametrize("function", BENT.values(), ids=BENT.keys())
def test_every_other_bend_is_in_the_way(function):
    network = nn.Sequential(nn.Conv2d(3, 4, 1), Do(function), nn.Conv2d(4, 4, 1))
    assert "Do in 1" in reason(network, "2", n_pixels=4)


STRAIGHT = {
    "a residual sum": lambda x: x + x.mean((2, 3), keepdim=True),
    "a concatenation of parts": lambda x: torch.cat([*x.chunk(2, 1)], 1),
    "scaling": lambda x: (2 * x - 1) / PICTURE[:, :1, None],
    "padding at run time": lambda x: F.pad(x, (1, 0, 2, 0)),
    "pooling": lambda x: F.avg_pool2d(F.max_pool2d(x, 2, 1), 2, 1),
    "group norm": lambda x: F.group_norm(x, 2),
    "layer norm": lambda x: F.layer_norm(x.permute(0, 2, 3, 1), (4,)).permute(0, 3, 1, 2),
    "places and units rearranged": lambda x: F.channel_shuffle(x, 2).flip(2).roll(1, 3)[:, :, ::2],
    "dropout": lambda x: F.dropout(x, training=False),
    "a matrix product with a constant": lambda x: torch.einsum("nchw,dc->ndhw", x, PICTURE),
}


@pytest.mark.parametrize("function", STRAIGHT.values(), ids=STRAIGHT.keys())
def test_straight_operations_are_not_in_the_way(function):
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True), Do(function))
    assert reason(network, "2", n_pixels=4) is None


def test_modules_inside_a_module_are_named_themselves():
    network = nn.Sequential(Do(lambda x, conv, bend: bend(conv(x)), nn.Conv2d(3, 4, 1), nn.ELU()), nn.Conv2d(4, 4, 1))
    assert "ELU in 0.parts.1" in reason(network, "1", n_pixels=4)


def test_where_no_gradient_comes_through_this_is_said():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), Do(torch.Tensor.detach), nn.Conv2d(4, 4, 1))
    assert "No gradient reaches the image from 2" in reason(network, "2", n_pixels=4)


def test_frozen_parameters_hide_nothing(mobilenet):
    expected = reason(mobilenet, "features.18")
    mobilenet.requires_grad_(False)
    found = reason(mobilenet, "features.18")
    mobilenet.requires_grad_(True)
    assert found == expected


class GuidedReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient.clamp(min=0) * (x > 0)


class DeconvolvingReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, gradient):
        return gradient.clamp(min=0)


@pytest.mark.parametrize(
    ("method", "rule"), [(NeuronGuidedBackprop, GuidedReLU), (NeuronDeconvolution, DeconvolvingReLU)]
)
@pytest.mark.parametrize(
    "relu", [nn.ReLU(inplace=True), Do(lambda x: F.relu(x)), nn.ReLU6()], ids=["ReLU", "functional", "ReLU6"]
)
@pytest.mark.filterwarnings("ignore:Setting backward hooks:UserWarning", "ignore:Input Tensor 0:UserWarning")
def test_captum_is_right_exactly_where_nothing_is_in_the_way(monkeypatch, method, rule, relu):
    """Slow twin: the same network with a ReLU whose gradient is written down from the definition."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3), relu, nn.MaxPool2d(2), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Conv2d(8, 2, 3)
    )
    images = torch.rand(2, 3, 16, 16)
    site = find_site(list_sites(network, images), "5")
    ended = SiteOutput(network, site)
    with out_of_place(network):
        found = method(ended, ended.out).attribute(images, (1, 1, 1))
    for function in ("relu", "hardtanh", "relu6"):
        monkeypatch.setattr(F, function, lambda x, *_args, **_options: rule.apply(x))
    images.requires_grad_()
    (expected,) = torch.autograd.grad(ended(images)[:, 1, 1, 1].sum(), images)
    monkeypatch.undo()
    assert torch.allclose(found, expected, atol=1e-6) == (unrectifiable(network, site, images.detach()) is None)


# --- the real networks


@pytest.mark.real
def test_the_real_resnet_has_functional_relus(real):
    network = load_model(f"{real}/cifar10-resnet20/network.py:build").network
    assert "a functional ReLU in the forward function of the network itself" in reason(network, "layer3", n_pixels=32)
    assert np.isnan(l1(network, "layer3", n_pixels=32)).all()
    block = network.layer3[0]
    expected = conv_twin(block.conv1) * norm_twin(block.bn1)
    np.testing.assert_allclose(l1(network, "layer3.0.bn1", n_pixels=32), expected, rtol=1e-5)


@pytest.mark.real
def test_the_real_mobilenet_has_relu6(real):
    network = load_model(f"{real}/photos12-mobilenetv1/network.py:build").network
    assert "ReLU6 in relu" in reason(network, "blocks.12", n_pixels=224)
    block = network.blocks[12]
    expected = conv_twin(block.pw) * norm_twin(block.pw_bn)
    np.testing.assert_allclose(l1(network, "blocks.12", n_pixels=224), expected, rtol=1e-5)
    # Its padding is computed at run time, which the walk back goes through.
    expected = conv_twin(block.dw) * norm_twin(block.dw_bn)
    np.testing.assert_allclose(l1(network, "blocks.12.relu1", n_pixels=224), expected, rtol=1e-5)


def test_where_the_network_itself_computed_a_gradient_by_it_no_kernel_is_known():
    network, images = Sharpens().eval(), torch.rand(2, 3, 16, 16)
    sites = list_sites(network, images)
    assert np.isnan(kernel_l1(network, find_site(sites, "conv2"), images)).all()
    assert first_kernel(network, find_site(sites, "conv1"), images) is None
    assert np.isfinite(kernel_l1(network, find_site(sites, "conv2#2"), images)).all()
