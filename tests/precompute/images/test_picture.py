import importlib
import io
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image

from precompute.images.decoding import open_picture
from precompute.images.picture import InputView, area_average, black_input, thumbnail

importlib.import_module("precompute.models.torchvision_ops")
presets = importlib.import_module("torchvision.transforms._presets")
transforms = importlib.import_module("torchvision.transforms.v2")

MEAN, DEVIATION = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


def scaled(picture):
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255


def normalised(picture):
    return (scaled(picture) - MEAN.view(3, 1, 1)) / DEVIATION.view(3, 1, 1)


def padded(picture):
    inputs = torch.full((3, 50, 40), 0.7)
    inputs[:, 9:41] = normalised(picture)[:, :32, :40]
    return inputs


def noise(width=40, height=32, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def grey_of(picture):
    return np.stack([np.asarray(picture.convert("L"))] * 3, axis=2)


COLOURFUL = {
    "mean and deviation": normalised,
    "0 to 1": scaled,
    "0 to 255": lambda picture: scaled(picture) * 255,
    "-1 to 1": lambda picture: scaled(picture) * 2 - 1,
    "BGR": lambda picture: (scaled(picture) * 255).flip(0) - torch.tensor([104.0, 117.0, 123.0]).view(3, 1, 1),
    "inverted": lambda picture: 1 - scaled(picture),
    "channels of other scales": lambda picture: scaled(picture) * torch.tensor([1.0, 1e-3, 1e3]).view(3, 1, 1),
    "half": lambda picture: scaled(picture).half(),
}


@pytest.mark.parametrize("transform", COLOURFUL.values(), ids=COLOURFUL)
def test_colours_come_back_within_one_level(transform):
    view = InputView.probe(transform, size=(40, 32))
    shown = view.picture(transform(noise()))
    assert view.exact
    assert shown.dtype == np.uint8
    assert np.abs(shown.astype(int) - np.asarray(noise(), int)).max() <= 1


def test_luma_and_chroma_come_back_within_their_rounding():
    def transform(picture):
        return scaled(picture.convert("YCbCr"))

    view = InputView.probe(transform, size=(40, 32))
    assert view.exact
    # Pillow's YCbCr has whole levels; the way back magnifies a half up to twofold, and the probes' own as much again.
    assert np.abs(view.picture(transform(noise())).astype(int) - np.asarray(noise(), int)).max() <= 5


@pytest.mark.parametrize("n_channels", [1, 3])
def test_grey_inputs_come_back_as_grey(n_channels):
    transform = transforms.Compose(
        [
            transforms.Grayscale(n_channels),
            transforms.PILToTensor(),
            transforms.ToDtype(torch.float32, scale=True),
            transforms.Normalize([0.1307] * n_channels, [0.3081] * n_channels),
        ]
    )
    view = InputView.probe(transform, size=(40, 32))
    assert view.exact
    assert np.abs(view.picture(transform(noise())).astype(int) - grey_of(noise())).max() <= 1


def test_one_colour_channel_is_shown_as_grey():
    view = InputView.probe(lambda picture: scaled(picture)[:1] * 4 - 1, size=(40, 32))
    red = np.asarray(noise())[:, :, :1]
    assert view.exact
    assert np.array_equal(view.picture(scaled(noise())[:1] * 4 - 1), np.repeat(red, 3, axis=2))


@pytest.mark.parametrize("size", [(300, 200), (64, 300), (96, 96)])
def test_torchvisions_presets_are_shown_as_cropped(size):
    transform = presets.ImageClassification(crop_size=64, resize_size=80)
    picture = noise(*size).resize(size, Image.Resampling.BICUBIC)
    cropped = transforms.CenterCrop(64)(transforms.Resize(80)(picture))
    view = InputView.probe(transform, size=size)
    assert view.exact
    assert np.abs(view.picture(transform(picture)).astype(int) - np.asarray(cropped, int)).max() <= 1


def test_padding_around_the_picture_is_seen_through():
    view = InputView.probe(padded, size=(40, 32))
    shown = view.picture(padded(noise()))
    assert view.exact
    assert np.abs(shown[9:41].astype(int) - np.asarray(noise(), int)).max() <= 1
    assert len(np.unique(shown[:9].reshape(-1, 3), axis=0)) == 1


def test_a_crop_larger_than_the_picture_is_padding_too():
    transform = presets.ImageClassification(crop_size=64, resize_size=48)
    assert InputView.probe(transform, size=(40, 32)).exact


def failing(picture):
    raise RuntimeError("no constant pictures, please")


INEXACT = {
    "gamma": lambda picture: scaled(picture) ** 2.2,
    "hue": lambda picture: scaled(picture.convert("HSV")),
    "standardised by image": lambda picture: (scaled(picture) - scaled(picture).mean()) / scaled(picture).std(),
    "scaled by image": lambda picture: scaled(picture) / scaled(picture).max().clamp(min=1e-3),
    "posterised": lambda picture: (scaled(picture) * 3).round(),
    "not constant": lambda picture: scaled(picture) * torch.linspace(0, 1, picture.width),
    "colourless": lambda picture: torch.ones(3, 8, 8),
    "two colours lost": lambda picture: scaled(picture)[[0, 1, 1]],
    "colour difference": lambda picture: scaled(picture)[:1] - scaled(picture)[1:2],
    "four channels": lambda picture: torch.cat([scaled(picture), scaled(picture)[:1]]),
    "failing": failing,
    "sizes by colour": lambda picture: scaled(picture)[:, : 8 + picture.getpixel((0, 0))[0] // 255],
}


@pytest.mark.parametrize("transform", INEXACT.values(), ids=INEXACT)
def test_what_cannot_be_undone_is_not_called_exact(transform):
    assert not InputView.probe(transform, size=(40, 32)).exact


def stretched(values):
    low, high = np.percentile(values, (1, 99))
    return np.round(255 * np.clip((values - low) / (high - low), 0, 1))


def test_without_exact_colours_each_image_is_stretched_between_its_percentiles():
    inputs = np.random.default_rng(0).normal(size=(3, 5, 7))
    assert np.array_equal(InputView().picture(inputs), stretched(inputs).transpose(1, 2, 0))
    assert InputView().rule(3) == "what the network saw, stretched from the 1st to the 99th percentile of each image"


@pytest.mark.parametrize("n_channels", [1, 2])
def test_stretched_inputs_of_fewer_than_three_channels_are_grey(n_channels):
    inputs = np.random.default_rng(0).normal(size=(n_channels, 5, 7))
    shown = InputView().picture(inputs)
    assert np.array_equal(shown, np.repeat(stretched(inputs.mean(axis=0))[..., None], 3, axis=2))
    assert "in grey" in InputView().rule(n_channels)


@pytest.mark.parametrize("n_channels", [4, 13])
def test_of_more_channels_the_first_three_are_shown_each_in_its_own_range(n_channels):
    inputs = np.random.default_rng(0).normal(size=(n_channels, 5, 7)) * 10.0 ** np.arange(n_channels)[:, None, None]
    expected = np.stack([stretched(band) for band in inputs[:3]], axis=2)
    assert np.array_equal(InputView().picture(inputs), expected)
    assert InputView().rule(n_channels).startswith(f"the first three of {n_channels} channels")


def test_a_band_that_is_even_but_for_a_few_pixels_shows_them():
    band = np.zeros((1, 20, 20))
    band[0, 3, 4] = 7
    assert np.argwhere(InputView().picture(band)[..., 0] == 255).tolist() == [[3, 4]]


@pytest.mark.parametrize("value", [3.0, np.nan, np.inf])
def test_constant_and_broken_inputs_are_shown_without_a_warning(value, recwarn):
    assert InputView().picture(np.full((3, 4, 4), value)).shape == (4, 4, 3)
    assert not recwarn.list


def test_the_black_input_is_the_transformed_black_picture():
    black = black_input(normalised, (5, 4), (3, 4, 5))
    assert black.shape == (3, 4, 5)
    assert torch.allclose(black, (-MEAN / DEVIATION).view(3, 1, 1).expand(3, 4, 5))


def standardised(picture):
    values = scaled(picture)
    return (values - values.mean()) / values.std()


@pytest.mark.parametrize(
    ("transform", "shape"), [(failing, (3, 4, 5)), (standardised, (3, 4, 5)), (normalised, (3, 5, 4))]
)
def test_there_is_no_black_input_where_the_network_could_not_take_it(transform, shape):
    assert black_input(transform, (5, 4), shape) is None


@pytest.mark.parametrize(
    ("size", "expected"), [((300, 200), (128, 85)), ((200, 300), (85, 128)), ((32, 32), (32, 32)), ((999, 1), (128, 1))]
)
def test_thumbnails_shrink_to_the_side_and_never_grow(size, expected):
    data = thumbnail(np.asarray(noise(*size)), side=128)
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", expected)
    assert data == thumbnail(np.asarray(noise(*size)), side=128)


def test_a_thumbnail_looks_like_its_picture():
    y, x = np.mgrid[:240, :240]
    picture = np.stack([x, y, 240 - x], axis=2).astype(np.uint8)
    with Image.open(io.BytesIO(thumbnail(picture, side=60))) as image:
        expected = picture.reshape(60, 4, 60, 4, 3).mean(axis=(1, 3))
        assert np.abs(np.asarray(image, float) - expected).max() < 12


def slow_area_average(cells, height, width):
    """Cut each old cell into height x width pieces; each new cell is then made of whole pieces."""
    old_height, old_width = cells.shape
    result = np.zeros((height, width))
    for row in range(height):
        for column in range(width):
            total = Fraction(0)
            for y in range(row * old_height, (row + 1) * old_height):
                for x in range(column * old_width, (column + 1) * old_width):
                    total += Fraction(float(cells[y // height, x // width]))
            result[row, column] = total / (old_height * old_width)
    return result


sides = st.integers(1, 9)
values = st.floats(-1e3, 1e3, width=32)


@given(maps=npst.arrays(np.float64, st.tuples(st.integers(1, 2), sides, sides), elements=values), side=sides)
def test_area_averages_equal_the_slow_ones(maps, side):
    found = area_average(maps, side)
    if max(maps.shape[1:]) <= side:
        assert found is maps
    else:
        assert max(found.shape[1:]) == side
        expected = [slow_area_average(cells, *found.shape[1:]) for cells in maps]
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-9)
        np.testing.assert_allclose(found.mean(axis=(1, 2)), maps.mean(axis=(1, 2)), rtol=1e-12, atol=1e-9)


def test_area_averages_keep_the_aspect_and_the_leading_axes():
    maps = np.ones((2, 5, 224, 149), np.float16)
    found = area_average(maps, 112)
    assert found.shape == (2, 5, 112, 74)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "small"),
    [
        ((2, 96), (2, 56)),
        ((96, 2), (56, 2)),
        ((1, 400), (1, 56)),
        ((12, 48), (12, 48)),
        ((48, 192), (14, 56)),
        ((6, 112), (6, 56)),
    ],
)
def test_maps_that_are_not_square_keep_their_proportions_and_their_few_rows(shape, small):
    assert area_average(np.ones((3, *shape)), 56).shape[1:] == small


@pytest.mark.real
@pytest.mark.parametrize("name", ["cifar10-resnet20", "photos12-mobilenetv1"])
def test_real_inputs_are_shown_as_their_files(real, name):
    folder = real / name
    spec = importlib.util.spec_from_file_location("network", folder / "network.py")
    network = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(network)
    pictures = [open_picture(path) for path in sorted(folder.glob("images/*/*"))[::60]]
    view = InputView.probe(network.transform, size=pictures[0].size)
    assert view.exact
    for picture in pictures:
        shown = view.picture(network.transform(picture))
        assert np.abs(shown.astype(int) - np.asarray(picture, int)).max() <= 1
