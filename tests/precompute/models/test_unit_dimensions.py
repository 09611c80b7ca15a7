"""Where the units lie, against networks of which that is known by hand."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import precompute.models.torchvision_ops  # noqa: F401  before any torchvision

# isort: split
from torchvision.models.swin_transformer import SwinTransformer

from precompute.errors import LayerError, OptionError
from precompute.models import dimension_rules
from precompute.models.sites import find_site, survey_sites
from precompute.models.units_on import UnitsOn
from precompute.models.upstream import kernel_l1
from tests.hostile import Signals
from tests.precompute.layouts import IMAGES, NETWORKS, ConvNeXtLike, TokensMixed, Transformer, Windows

PICTURE = IMAGES[:2]


def found(network, **how):
    return {site.name: site for site in survey_sites(network.eval(), PICTURE, **how).sites}


def reasons(network, **how):
    return {each.name: each.reason for each in survey_sites(network.eval(), PICTURE, **how).refused}


@pytest.mark.parametrize("kind", NETWORKS)
def test_units_are_found_where_they_lie(kind):
    sites = found(kind())
    assert {name: sites[name].unit_dimension for name in (*kind.first, *kind.last)} == {
        **dict.fromkeys(kind.first, 1),
        **dict.fromkeys(kind.last, -1),
    }


@pytest.mark.parametrize(
    ("network", "name", "n_units", "shape"),
    [
        (ConvNeXtLike(), "up", 12, (4, 4)),
        (Windows(), "merge", 12, (2, 2)),
        (Transformer(), "blocks.0.mlp.0", 16, (4, 4)),
    ],
)
def test_a_site_has_as_many_units_and_cells_as_its_output(network, name, n_units, shape):
    site = found(network)[name]
    assert (site.n_units, site.spatial_shape) == (n_units, shape)


@pytest.mark.parametrize("kind", [Windows, TokensMixed])
def test_what_has_no_units_on_one_known_dimension_is_refused_with_a_reason(kind):
    network = kind().eval()
    assert set(kind.refused) <= set(reasons(network))
    everything = survey_sites(network, PICTURE)
    with pytest.raises(LayerError, match=f"'{kind.refused[0]}' cannot be looked at, because its "):
        find_site(everything.sites, kind.refused[0], refused=everything.refused)


def test_every_call_of_a_module_is_a_site_or_refused():
    everything = survey_sites(Windows().eval(), PICTURE)
    names = [site.name for site in everything.sites] + [each.name for each in everything.refused]
    assert sorted(names) == sorted(name for name, _ in Windows().named_modules() if name)


def test_tokens_apart_from_the_picture_are_known():
    sites = found(Transformer())
    for name in Transformer.last:
        assert sites[name].positions == "tokens"
        assert sites[name].other_tokens == Transformer.others
        assert sites[name].picture_tokens == tuple(range(1, 17))


def test_the_maps_of_tokens_are_the_picture_row_by_row():
    site = found(Transformer())["norm"]
    output = torch.randn(2, 18, 8)
    maps = site.maps(site.units_first(output))
    torch.testing.assert_close(maps[1, 3], output[1, 1:17, 3].view(4, 4))
    torch.testing.assert_close(site.others(site.units_first(output)), output[:, [0, 17]].mT)


@pytest.mark.parametrize("kind", NETWORKS)
def test_as_made_is_the_inverse_of_units_first(kind):
    for site in found(kind()).values():
        n = 18 if site.positions == "tokens" else 16
        output = torch.randn(2, n, site.n_units) if site.unit_dimension == -1 else torch.randn(2, site.n_units)
        assert torch.equal(site.as_made(site.units_first(output)), output)


class Mapped(nn.Module):
    """What a function that is not followed makes of a convolution."""

    def __init__(self, function):
        super().__init__()
        self.conv, self.after, self.fc, self.function = nn.Conv2d(3, 8, 4, 4), nn.Identity(), nn.Linear(8, 5), function

    def forward(self, x):
        return self.fc(self.after(self.function(self.conv(x))).flatten(2).mean(2))


def opaque(x):
    return torch.fft.ifft(torch.fft.fft(x, dim=1), dim=1).real


def test_behind_an_operation_that_is_not_followed_nothing_is_guessed():
    assert "because the operation view_as_real may move or mix them" in reasons(Mapped(opaque))["after"]


MOVING = {
    "flip": lambda x: x.flip((-2, -1)),
    "rot90": lambda x: torch.rot90(x, 1, (2, 3)),
    "grid_sampler_2d": lambda x: F.grid_sample(
        x, F.affine_grid(x.new_ones(len(x), 2, 3), x.shape, False), align_corners=False
    ),
    "index": lambda x: x[:, :, [3, 2, 1, 0]][:, :, :, [3, 2, 1, 0]],
}


class Moved(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.conv, self.after, self.fc, self.function = (
            nn.Conv2d(3, 8, 4, 4),
            nn.Conv2d(8, 8, 3),
            nn.Linear(8, 5),
            function,
        )

    def forward(self, x):
        return self.fc(self.after(self.function(self.conv(x))).mean((2, 3)))


def written(x):
    y = x.clone()
    y[:, 4:] = x[:, 4:].flip(2)
    return y


def test_frequencies_are_no_places_and_their_inverse_transform_is():
    frequencies = Moved(lambda x: torch.fft.rfft2(x).real)
    assert "rows and columns of the picture, because the operation _fft_r2c may" in reasons(frequencies)["after"]
    assert found(Moved(lambda x: torch.fft.irfft2(torch.fft.rfft2(x) * 0.5)))["after"].spatial_shape == (2, 2)


MIXED = {
    "units beside": lambda x: torch.cat([x[:, :4], x[:, 4:].flip(2)], 1),
    "rows below": lambda x: torch.cat([x, x.flip(2)], 2),
    "sum": lambda x: x + x.flip((2, 3)),
    "product": lambda x: x * x.flip(3).sigmoid(),
    "stack": lambda x: torch.stack([x.flip(3), x]).mean(0),
    "choice": lambda x: torch.where(x > 0, x, x.flip(2)),
    "written": written,
    "not followed later": lambda x: torch.fft.ifft(x.flip(2) + 0j, dim=1).real + x,
    "attention": lambda x: F.scaled_dot_product_attention(x, x, x) + x.flip(2),
}


@pytest.mark.parametrize("mix", MIXED)
def test_what_is_moved_and_what_is_not_make_no_places_of_the_picture_together(mix):
    assert "rows and columns of the picture, because the operation flip may" in reasons(Mapped(MIXED[mix]))["after"]


@pytest.mark.parametrize("mix", [name for name in MIXED if name != "attention"])
def test_nor_do_they_behind_a_convolution(mix):
    assert "rows and columns of the picture, because the operation flip may" in reasons(Moved(MIXED[mix]))["after"]


def test_what_is_known_outweighs_windows_that_are_not_followed():
    """Where windows do not divide the map it is padded, rolled, divided and all of it taken back, in Swin's blocks."""
    network = SwinTransformer([4, 4], embed_dim=8, depths=[2], num_heads=[2], window_size=[7, 7], num_classes=5)
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    sites = {site.name: site for site in survey_sites(network.eval(), images).sites}
    assert sites["features.1.1.mlp.0"].spatial_shape == (16, 16)
    assert sites["features.1"].unit_dimension == -1


AGAINST_EACH_OTHER = {
    "cat": lambda x: torch.cat([x, x], 2),
    "repeat": lambda x: x.repeat(1, 1, 2, 1),
    "permute": lambda x: x + x.transpose(2, 3),
    "roll": lambda x: x * x.roll(1, 2),
}


@pytest.mark.parametrize("operation", AGAINST_EACH_OTHER)
def test_a_picture_beside_itself_in_another_place_is_no_picture(operation):
    network = Moved(AGAINST_EACH_OTHER[operation])
    assert f"rows and columns of the picture, because the operation {operation} may" in reasons(network)["after"]


PARTS = {
    "rows cut off": (lambda x: x[:, :, 4:-4], (1 / 6, 0, 5 / 6, 1)),
    "narrow": (lambda x: x.narrow(3, 8, 8), (0, 1 / 3, 1, 2 / 3)),
    "negative padding": (lambda x: F.pad(x, (-2, -4)), (0, 1 / 12, 1, 5 / 6)),
    "half": (lambda x: x.chunk(2, 3)[1], (0, 1 / 2, 1, 1)),
    "padding": (lambda x: F.pad(x, (4, 0, 0, 0)), (0, -1 / 6, 1, 1)),
    "reflection": (lambda x: F.pad(x, (4, 4, 2, 2), mode="reflect"), (-1 / 12, -1 / 6, 13 / 12, 7 / 6)),
    "constants beside": (lambda x: torch.cat([torch.zeros(len(x), 8, 4, 24), x], 2), (-1 / 6, 0, 1, 1)),
    "large kernel": (lambda x: F.conv2d(x, torch.ones(8, 1, 9, 9), groups=8), (1 / 6, 1 / 6, 5 / 6, 5 / 6)),
    "large kernel behind what is not followed": (
        lambda x: F.conv2d(opaque(x), torch.ones(8, 1, 9, 9), groups=8),
        (1 / 6, 1 / 6, 5 / 6, 5 / 6),
    ),
    "pooling": (lambda x: F.max_pool2d(x[:, :, 12:], 2), (1 / 2, 0, 1, 1)),
    "enlarged": (lambda x: F.interpolate(x, scale_factor=2)[:, :, 8:-8], (1 / 6, 0, 5 / 6, 1)),
    "transposed": (
        lambda x: F.conv_transpose2d(x, torch.ones(8, 1, 2, 2), stride=2, groups=8)[..., 24:],
        (0, 0.5, 1, 1),
    ),
    "whole again": (lambda x: F.pad(x, (0, 0, 4, 4))[:, :, 4:-4], None),
    "every second": (lambda x: x[..., ::2], None),
    "strided": (lambda x: F.conv2d(x, torch.ones(8, 1, 3, 3), stride=2, padding=1, groups=8), None),
}


class Whole(nn.Module):
    """A convolution with 24 rows and columns, a function, and what takes its result."""

    def __init__(self, function):
        super().__init__()
        self.conv, self.after, self.fc, self.function = nn.Conv2d(3, 8, 1), nn.Identity(), nn.Linear(8, 5), function

    def forward(self, x):
        return self.fc(self.after(self.function(self.conv(F.interpolate(x, (24, 24))))).mean((2, 3)))


@pytest.mark.parametrize("name", PARTS)
def test_the_part_of_the_picture_that_a_map_covers_is_known(name):
    function, part = PARTS[name]
    assert found(Whole(function))["after"].part == (part if part is None else pytest.approx(part))


def test_tokens_of_a_part_of_the_picture_know_it():
    site = found(Whole(lambda x: x[:, :, 6:].flatten(2).mT.contiguous().mT.unflatten(2, (18, 24))))["after"]
    assert site.part == pytest.approx((1 / 4, 0, 1, 1))


def moved_down(x):
    y = x.clone()
    y[:, :, 4:] = x[:, :, :-4]
    return y


LAID_OVER = {
    "other parts": lambda x: x.chunk(2, 2)[0] + x.chunk(2, 2)[1],
    "swapped halves": lambda x: torch.cat([x[:, :, 12:], x[:, :, :12]], 2),
    "written further down": moved_down,
    "exchanged behind what is not followed": lambda x: x + opaque(x).transpose(2, 3),
    "one window of several": lambda x: x.unflatten(2, (2, 12))[:, :, 0],
    "one window of several, pooled": lambda x: F.max_pool2d(x.unflatten(2, (2, 12))[:, :, 0], 2),
    "one window of several, padded": lambda x: F.pad(x.unflatten(3, (2, 12))[..., 1, :], (1, 1)),
    "rows taken apart": lambda x: torch.stack(x.unbind(2)[::-1], 2),
    "a window by unfold": lambda x: x.unfold(2, 8, 8)[:, :, 1].transpose(2, 3),
}


@pytest.mark.parametrize("name", LAID_OVER)
def test_places_that_are_not_certain_are_refused(name):
    assert "its positions are not " in reasons(Whole(LAID_OVER[name]))["after"]


def written_into(whole, x):
    whole[:, :, 4:] = x
    return whole


NOT_BACK = {
    "exchanged": lambda x: opaque(x).transpose(2, 3),
    "exchanged before": lambda x: opaque(x.transpose(2, 3)),
    "cut off": lambda x: opaque(x)[:, :, 1:],
    "cut off before": lambda x: F.pad(opaque(x[:, :, 2:]), (0, 0, 2, 0)),
    "swapped halves": lambda x: torch.cat([opaque(x)[..., 2:], opaque(x)[..., :2]], 3),
    "rows taken apart": lambda x: torch.stack(opaque(x).unbind(2)[::-1], 2),
    "padded": lambda x: F.pad(opaque(x), (0, 0, 2, 0)),
    "written into another": lambda x: written_into(x.new_zeros(len(x), 8, 8, 4), x),
    "strided": lambda x: x.contiguous().as_strided((len(x), 8, 3, 4), (128, 16, 4, 1), 4),
    "both": lambda x: opaque(x) + opaque(x).transpose(2, 3),
}


@pytest.mark.parametrize("name", NOT_BACK)
def test_nor_does_a_convolution_put_them_back(name):
    assert "its positions are not known to be" in reasons(Moved(NOT_BACK[name]))["after"]


def test_padding_that_goes_round_by_a_cell_leaves_places_where_they_were():
    network = Whole(nn.Conv2d(8, 8, 3, padding=1, padding_mode="circular"))
    assert found(network)["after"].spatial_shape == (24, 24)


def test_units_that_are_moved_to_the_end_and_back_are_not_rows_or_columns_exchanged():
    assert found(Moved(lambda x: opaque(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)))["after"].spatial_shape == (2, 2)


@pytest.mark.parametrize("operation", MOVING)
def test_a_convolution_does_not_put_moved_positions_back(operation):
    network = Moved(MOVING[operation])
    assert f"rows and columns of the picture, because the operation {operation} may" in reasons(network)["after"]
    assert found(network, units_on=UnitsOn.read(["after=1"]))["after"].spatial_shape == (2, 2)


def folded(x):
    return F.fold(F.unfold(x, 2, stride=2), x.shape[2:], 2, stride=2)


MOVED_LATER = {
    "flip": lambda x: x.flip(-1),
    "roll": lambda x: x.roll(1, -1),
    "sort": lambda x: x.sort(-1).values,
    "index_select": lambda x: x.index_select(-1, torch.tensor([3, 1, 0, 2])),
    "gather": lambda x: x.gather(-1, torch.tensor([3, 1, 0, 2]).expand_as(x)),
}


@pytest.mark.parametrize("operation", MOVED_LATER)
@pytest.mark.parametrize("before", [folded, lambda x: torch.fft.irfft2(torch.fft.rfft2(x))], ids=["fold", "fourier"])
def test_what_is_moved_behind_an_operation_that_is_not_followed_is_not_in_place(before, operation):
    network = Moved(lambda x: MOVED_LATER[operation](before(x)))
    assert "after" in reasons(network)


def test_what_is_moved_before_a_fourier_transform_is_moved_behind_its_inverse():
    assert "after" in reasons(Moved(lambda x: torch.fft.irfft2(torch.fft.rfft2(x.flip(-1)))))


def test_a_convolution_shows_the_positions_behind_other_operations_that_are_not_followed():
    assert found(Moved(opaque))["after"].spatial_shape == (2, 2)


def test_a_person_settles_what_the_network_does_not_show():
    assert found(Mapped(opaque), units_on=UnitsOn.read(["1"]))["after"].unit_dimension == 1
    assert found(Mapped(opaque), units_on=UnitsOn.read(["after=last"]))["after"].n_units == 4


def test_a_word_for_all_layers_leaves_alone_what_the_network_shows():
    assert found(Mapped(opaque), units_on=UnitsOn.read(["last"]))["conv"].unit_dimension == 1


def test_a_word_for_one_layer_that_the_network_contradicts_is_refused():
    assert (
        "lie on dimension 1, not on -1 as --units-on says"
        in reasons(Mapped(opaque), units_on=UnitsOn.read(["conv=last"]))["conv"]
    )


class Tokens(nn.Module):
    """Tokens of which the network does not show which are the picture."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.fc = nn.Conv2d(3, 8, 4, 4), nn.LayerNorm(8), nn.Linear(8, 5)

    def forward(self, x):
        x = opaque(self.conv(x).flatten(2).mT)
        return self.fc(self.norm(torch.cat([x[:, :1], x], 1)).mean(1))


def test_a_person_says_the_grid_of_tokens():
    everything = survey_sites(Tokens().eval(), PICTURE)
    with pytest.raises(LayerError, match="--units-on norm=last:14x14"):
        find_site(everything.sites, "norm", refused=everything.refused)
    site = found(Tokens(), units_on=UnitsOn.read(["norm=last:4x4"]))["norm"]
    assert (site.positions, site.spatial_shape, site.other_tokens, site.told) == ("tokens", (4, 4), (0,), True)


@pytest.mark.parametrize(
    ("word", "reason"), [("last", "does not say which"), ("1", "lie on dimension 2, not on 1"), ("last:5x4", "has 17")]
)
def test_a_grid_that_cannot_be_is_refused(word, reason):
    assert reason in reasons(Tokens(), units_on=UnitsOn.read([f"norm={word}"]))["norm"]


def test_a_person_lays_out_positions_in_a_row():
    everything = survey_sites(Signals().eval(), PICTURE)
    with pytest.raises(LayerError, match="--units-on conv2=1:1x14"):
        find_site(everything.sites, "conv2", refused=everything.refused)
    site = found(Signals(), units_on=UnitsOn.read(["conv2=1:16x1"]))["conv2"]
    assert (site.n_units, site.unit_dimension, site.spatial_shape, site.other_tokens) == (6, 1, (16, 1), ())


def test_a_word_that_the_dimensions_of_a_signal_contradict_is_refused():
    wrong = reasons(Signals(), units_on=UnitsOn.read(["conv2=last:1x6"]))["conv2"]
    assert wrong == "its units lie on dimension 1, not on -1 as --units-on says"


@pytest.mark.parametrize("text", ["2", "conv", "conv=", "conv=first", "", "last:14", "last:0x3"])
def test_any_other_word_is_refused(text):
    with pytest.raises(OptionError, match="expected 1, last"):
        UnitsOn.read([text])


class Liar(nn.Linear):
    """A linear layer that then moves its units to another dimension."""

    def forward(self, x):
        return super().forward(x).mT


def test_a_trial_of_the_module_overrules_what_was_followed(monkeypatch):
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.odd, self.fc = nn.Conv2d(3, 4, 4, 4), Liar(4, 4), nn.Linear(4, 3)

        def forward(self, x):
            return self.fc(self.odd(self.conv(x).permute(0, 2, 3, 1)).mean((1, 3)))

    # As if the rule were wrong; sizes are equal, so that it can be.
    monkeypatch.setitem(dimension_rules.RULES, "transpose", dimension_rules._same)
    assert "comes out on dimension" in reasons(Network())["odd"]


def test_the_weights_are_as_before():
    network = Transformer().eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    survey_sites(network, PICTURE)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_shuffled_and_joined_units_stay_units():
    class Shuffled(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.after, self.fc = nn.Conv2d(3, 8, 4, 4), nn.ReLU(), nn.Linear(16, 5)

        def forward(self, x):
            x = self.conv(x)
            n, units, height, width = x.shape
            shuffled = x.view(n, 2, units // 2, height, width).transpose(1, 2).reshape(n, units, height, width)
            left, right = F.relu(x).chunk(2, 1)
            x = self.after(torch.cat([shuffled, torch.stack([left, right], 2).flatten(1, 2)], 1))
            return self.fc(x.mean((2, 3)))

    site = found(Shuffled())["after"]
    assert (site.unit_dimension, site.n_units, site.spatial_shape) == (1, 16, (4, 4))


@pytest.mark.parametrize(
    ("network", "name", "kernel"),
    [
        (ConvNeXtLike(), "up", "up"),
        (ConvNeXtLike(), "act", "up"),
        (Windows(), "embed", "patch"),
        (Windows(), "mlp.1", "mlp.0"),
        (Transformer(), "blocks.0.mlp.1", "blocks.0.mlp.0"),
        (TokensMixed(), "across_units", "across_units"),
    ],
)
def test_the_kernel_that_makes_units_on_the_last_dimension_is_found(network, name, kernel):
    weight = network.eval().get_submodule(kernel).weight.detach()
    norms = torch.from_numpy(kernel_l1(network, found(network)[name], PICTURE))
    torch.testing.assert_close(norms, weight.abs().flatten(1).sum(1))


@pytest.mark.parametrize(
    ("network", "name"), [(ConvNeXtLike(), "block_norm"), (Windows(), "mlp"), (Transformer(), "blocks.0")]
)
def test_a_sum_or_a_norm_has_a_kernel_of_its_own_for_no_unit(network, name):
    network = network.eval()
    norms = kernel_l1(network, found(network)[name], PICTURE)
    assert bool(torch.from_numpy(norms).isnan().all()) == (name != "mlp")
