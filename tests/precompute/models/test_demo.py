import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from precompute.errors import ImageFolderError, ModelError
from precompute.images.decoding import open_picture
from precompute.images.demo import DEMO_CLASSES, draw_demo_images
from precompute.models import demo
from precompute.models.demo import (
    LAST_LAYERS,
    DemoNetwork,
    build,
    build_demo_network,
    demo_transform,
    save_weights,
    train_demo_network,
)
from precompute.models.load import load_model
from precompute.models.sites import list_sites

VARIANTS = [{}, {"batch_norm": True}, {"dropout": False}]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    root = tmp_path_factory.mktemp("demo") / "images"
    draw_demo_images(root, train_per_class=3, val_per_class=1)
    return root


@pytest.fixture
def quick(monkeypatch):
    """Two epochs instead of many."""
    monkeypatch.setattr(demo, "_EPOCHS", 2)


def weights(network):
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


# The network


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_network_gives_one_output_a_class(variant):
    network = build_demo_network(**variant)
    assert not network.training
    assert network(torch.zeros(2, 3, 96, 96)).shape == (2, len(DEMO_CLASSES))


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_last_layers_are_relus_that_end_the_last_two_convolutions(variant):
    network = build_demo_network(**variant)
    paths = [path for path, module in network.named_modules() if isinstance(module, nn.ReLU)]
    assert [path for path in paths if path.startswith("features")][-2:] == list(LAST_LAYERS)
    shapes = []
    for path in LAST_LAYERS:
        network.get_submodule(path).register_forward_hook(lambda module, args, output: shapes.append(output.shape))
    network(torch.zeros(1, 3, 96, 96))
    assert shapes == [(1, 48, 12, 12), (1, 48, 12, 12)]


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_non_linearity_is_a_relu_module_called_once(variant):
    network = build_demo_network(**variant)
    calls = []
    relus = [module for module in network.modules() if isinstance(module, nn.ReLU)]
    for module in relus:
        module.register_forward_hook(lambda module, args, output: calls.append(module))
    network(torch.zeros(1, 3, 96, 96))
    assert calls == relus
    assert len(relus) == 6
    assert not any(module.inplace for module in relus)


def test_all_variants_have_the_same_layers():
    with_units = [
        [path for path, module in build_demo_network(**variant).named_modules() if isinstance(module, nn.ReLU)]
        for variant in VARIANTS
    ]
    assert with_units[0] == with_units[1] == with_units[2]


def test_batch_norm_follows_every_convolution_of_its_variant_only():
    def count(kind, **variant):
        return sum(isinstance(module, kind) for module in build_demo_network(**variant).modules())

    assert [count(nn.BatchNorm2d), count(nn.BatchNorm2d, batch_norm=True)] == [0, 5]
    assert count(nn.Conv2d, batch_norm=True) == 5


def test_without_dropout_training_and_evaluation_agree():
    images = torch.randn(4, 3, 96, 96)
    plain, without = build_demo_network(), build_demo_network(dropout=False)
    with torch.no_grad():
        assert torch.equal(without(images), without.train()(images))
        assert not torch.equal(plain(images), plain.train()(images))


def test_the_seed_decides_the_first_weights():
    assert equal(weights(build_demo_network(seed=3)), weights(build_demo_network(seed=3)))
    assert not equal(weights(build_demo_network(seed=3)), weights(build_demo_network(seed=4)))


def test_building_leaves_torchs_generator_alone():
    state = torch.get_rng_state()
    build_demo_network(seed=9)
    assert torch.equal(torch.get_rng_state(), state)


# The transform


def test_the_transform_centres_and_scales_a_picture():
    pixels = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    expected = (pixels.transpose(2, 0, 1) / 255 - 0.5) / 0.25
    np.testing.assert_allclose(demo_transform(Image.fromarray(pixels)), expected, atol=1e-6)


def test_the_transform_resizes_other_sizes():
    assert demo_transform(Image.new("RGB", (200, 50))).shape == (3, 96, 96)


def test_training_sees_what_the_transform_gives(images):
    path = next((images / "val").rglob("*.png"))
    picture = open_picture(path)
    pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
    torch.testing.assert_close(demo._normalised(pixels[None])[0], demo_transform(picture))


# Training


def test_training_gets_far_better_than_chance(images, monkeypatch):
    # On its own few images: what is tested is that it learns, not that it generalises.
    monkeypatch.setattr(demo, "_EPOCHS", 25)
    result = train_demo_network(images / "train", images / "train")
    assert result.validation_accuracy > 5 / len(DEMO_CLASSES)
    assert result.seconds > 0


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "variant", [VARIANTS[0], *(pytest.param(other, marks=pytest.mark.long) for other in VARIANTS[1:])]
)
def test_the_same_seed_gives_the_same_weights(images, variant):
    torch.manual_seed(1)
    first = train_demo_network(images / "train", images / "val", seed=2, **variant)
    torch.manual_seed(7)
    second = train_demo_network(images / "train", images / "val", seed=2, **variant)
    assert equal(weights(first.network), weights(second.network))
    assert first.validation_accuracy == second.validation_accuracy


@pytest.mark.usefixtures("quick")
def test_another_seed_gives_other_weights(images):
    first, second = (train_demo_network(images / "train", images / "val", seed=seed) for seed in (0, 1))
    assert not equal(weights(first.network), weights(second.network))


@pytest.mark.usefixtures("quick")
def test_training_leaves_torchs_generator_and_threads_alone(images):
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    train_demo_network(images / "train", images / "val")
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


@pytest.mark.usefixtures("quick")
def test_a_trained_network_is_ready_to_be_looked_at(images):
    network = train_demo_network(images / "train", images / "val").network
    assert not any(module.training for module in network.modules())
    assert all(parameter.is_contiguous() for parameter in network.parameters())
    assert network(torch.zeros(1, 3, 96, 96)).is_contiguous()


@pytest.mark.usefixtures("quick")
def test_the_accuracy_is_the_share_of_right_predictions(images):
    result = train_demo_network(images / "train", images / "val")
    right = 0
    for label, (name, _) in enumerate(DEMO_CLASSES):
        for path in (images / "val" / name).iterdir():
            right += int(result.network(demo_transform(open_picture(path))[None]).argmax()) == label
    assert result.validation_accuracy == right / len(DEMO_CLASSES)


@pytest.mark.usefixtures("quick")
def test_progress_counts_every_step(images):
    told = []
    train_demo_network(images / "train", images / "val", progress=lambda done, total: told.append((done, total)))
    steps = 2 * -(-3 * len(DEMO_CLASSES) // demo._BATCH)
    assert told == [(done, steps) for done in range(steps + 1)]


def test_moving_pictures_keeps_their_pixels():
    pictures = torch.randint(0, 256, (5, 3, 96, 96), dtype=torch.uint8)
    moved = demo._moved(pictures)
    assert torch.equal(moved.flatten(1).sort().values, pictures.flatten(1).sort().values)
    assert not torch.equal(moved, pictures)


def test_every_epoch_takes_every_image_once_in_an_order_of_its_own():
    steps = demo._batches(50)
    epochs = torch.cat(steps).view(demo._EPOCHS, 50)
    assert (epochs.sort().values == torch.arange(50)).all()
    assert not torch.equal(epochs[0], epochs[1])


def test_a_missing_folder_gets_a_sentence(tmp_path):
    with pytest.raises(ImageFolderError, match="nowhere"):
        train_demo_network(tmp_path / "nowhere", tmp_path / "nowhere")


# What a store can name


def test_build_returns_the_network_and_its_transform():
    network, transform = build()
    assert isinstance(network, DemoNetwork)
    assert transform is demo_transform


def test_saved_weights_of_another_variant_are_refused(tmp_path):
    save_weights(build_demo_network(batch_norm=True), tmp_path / "demo.pt")
    with pytest.raises(ModelError, match=r"demo\.pt"):
        load_model(f"{demo.__file__}:build", str(tmp_path / "demo.pt"))


def test_the_file_and_function_that_a_store_names_load_with_the_weights(tmp_path):
    network = build_demo_network(seed=8)
    save_weights(network, tmp_path / "demo.pt")
    model = load_model(f"{demo.__file__}:build", str(tmp_path / "demo.pt"))
    assert equal(weights(model.network), weights(network))
    assert set(LAST_LAYERS) <= {site.path for site in list_sites(model.network, torch.zeros(1, 3, 96, 96))}
