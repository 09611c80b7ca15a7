import precompute.models.torchvision_ops  # noqa: F401

# isort: split
from pathlib import Path

import pytest
import torch
import torchvision

from precompute.errors import ModelError
from precompute.models.random_weights import RANDOM_NOTE
from precompute.models.torchvision_names import from_torchvision


def save(path, name, **options):
    """Save random weights, other than those of --weights none, and return the network they belong to."""
    torch.manual_seed(7)
    network = torchvision.models.get_model(name, weights=None, **options).eval()
    torch.save(network.state_dict(), path)
    return network


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty folder in place of the one where torch keeps what it downloaded."""
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


@pytest.mark.parametrize("name", ["squeezenet1_1", "resnet18", "mobilenet_v2"])
def test_random_weights_are_the_same_every_time_and_announced(name):
    first, second = from_torchvision(name, "none"), from_torchvision(name, "none")
    assert all(torch.equal(a, b) for a, b in zip(first.network.parameters(), second.network.parameters(), strict=True))
    assert (first.spec, first.weights, first.notes) == (name, "none", (RANDOM_NOTE,))
    assert first.transform_text.startswith("resize 232" if name == "mobilenet_v2" else "resize 256")


def test_random_weights_leave_the_users_random_numbers_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    from_torchvision("squeezenet1_1", "none")
    assert torch.equal(torch.rand(1), expected)


def test_an_unknown_name_is_answered_with_the_close_ones():
    with pytest.raises(ModelError, match=r"'rsnet50'.*Close to it: resnet50"):
        from_torchvision("rsnet50", "DEFAULT")


def test_a_network_that_is_no_classifier_is_unknown():
    with pytest.raises(ModelError, match="fasterrcnn_resnet50_fpn"):
        from_torchvision("fasterrcnn_resnet50_fpn", "none")


def test_unknown_weights_are_answered_with_the_known():
    with pytest.raises(ModelError, match=r"'IMAGENET1K_V3'.*IMAGENET1K_V1, IMAGENET1K_V2, DEFAULT and none"):
        from_torchvision("resnet50", "IMAGENET1K_V3")


def test_weights_of_another_network_are_refused():
    with pytest.raises(ModelError, match=r"ResNet18_Weights.IMAGENET1K_V1"):
        from_torchvision("alexnet", "ResNet18_Weights.IMAGENET1K_V1")


def test_without_internet_the_message_says_what_to_do(hub, monkeypatch):
    def unreachable(*_args, **_options):
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", unreachable)
    with pytest.raises(ModelError) as error:
        from_torchvision("alexnet", "DEFAULT")
    message = str(error.value)
    assert "AlexNet_Weights.IMAGENET1K_V1 could not be fetched (no route to host)" in message
    assert "alexnet-owt-7be5be79.pth" in message
    assert str(hub) in message
    assert "--weights none" in message


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ("DEFAULT", "SqueezeNet1_1_Weights.IMAGENET1K_V1"),
        ("IMAGENET1K_V1", "SqueezeNet1_1_Weights.IMAGENET1K_V1"),
        ("SqueezeNet1_1_Weights.IMAGENET1K_V1", "SqueezeNet1_1_Weights.IMAGENET1K_V1"),
    ],
)
def test_weights_that_were_downloaded_before_are_used(hub, monkeypatch, weights, expected):
    # torch checks what it downloads, not what is there already.
    chosen = torchvision.models.SqueezeNet1_1_Weights.DEFAULT
    saved = save(hub / Path(chosen.url).name, "squeezenet1_1")
    model = from_torchvision("squeezenet1_1", weights)
    assert model.weights == expected
    assert model.notes == ()
    assert torch.equal(next(model.network.parameters()), next(saved.parameters()))


@pytest.mark.parametrize(
    ("name", "n_outputs"),
    [("squeezenet1_1", 1000), ("squeezenet1_1", 12), ("resnet18", 7), ("mobilenet_v2", 10)],
)
def test_a_checkpoint_says_itself_how_many_outputs_there_are(tmp_path, name, n_outputs):
    saved = save(tmp_path / "mine.pt", name, num_classes=n_outputs)
    model = from_torchvision(name, str(tmp_path / "mine.pt"))
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(model.network.eval()(images), saved(images))
    assert model.weights == str(tmp_path / "mine.pt")
    assert model.transform_text == from_torchvision(name, "none").transform_text


@pytest.mark.parametrize("aux_logits", [True, False])
def test_googlenet_is_loaded_with_and_without_its_side_outputs(tmp_path, aux_logits):
    saved = save(tmp_path / "mine.pt", "googlenet", num_classes=3, aux_logits=aux_logits, init_weights=False)
    model = from_torchvision("googlenet", str(tmp_path / "mine.pt"))
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(model.network.eval()(images), saved(images))
    assert "transform_input=False" in model.notes[0]


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    save(tmp_path / "mine.pt", "squeezenet1_1")
    with pytest.raises(ModelError, match=r"mine\.pt does not fit the network.*features\.0\.weight.*the network conv1"):
        from_torchvision("resnet18", str(tmp_path / "mine.pt"))


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"mine\.pt is not a file"):
        from_torchvision("resnet18", str(tmp_path / "mine.pt"))


FAMILIES = [
    *("alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet", "inception_v3"),
    *("maxvit_t", "mnasnet0_5", "mobilenet_v2", "mobilenet_v3_small", "resnet18", "resnext50_32x4d", "swin_t"),
    *("shufflenet_v2_x0_5", "squeezenet1_0", "swin_v2_t", "vgg11", "vgg11_bn", "vit_b_32", "wide_resnet50_2"),
]


@pytest.mark.filterwarnings("ignore:The default weight initialization:FutureWarning")
@pytest.mark.parametrize("name", FAMILIES)
def test_the_last_parameter_has_a_row_for_every_output(name):
    with torch.device("meta"):
        network = torchvision.models.get_model(name, weights=None)
    assert len(list(network.state_dict().values())[-1]) == 1000


def test_the_last_parameter_of_a_regnet_has_a_row_for_every_output():
    # On its own: regnets compute their widths with tensors, which the meta device cannot.
    assert len(list(torchvision.models.regnet_x_400mf().state_dict().values())[-1]) == 1000
