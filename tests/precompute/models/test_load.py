import pytest
import torch

from precompute.errors import ModelError
from precompute.models.load import Model, load_model, logits
from precompute.models.sites import list_sites


@pytest.mark.parametrize("name", ["squeezenet1_1", "resnet18", "googlenet"])
def test_a_network_is_ready_to_run(name):
    model = load_model(name, "none")
    assert isinstance(model, Model)
    assert not any(module.training for module in model.network.modules())
    with torch.no_grad():
        assert logits(model.network, torch.rand(2, 3, 64, 64)).shape == (2, 1000)


def test_names_are_read_in_any_case():
    assert load_model("SqueezeNet1_1", "None").spec == "squeezenet1_1"


def test_a_file_without_its_function_is_refused():
    with pytest.raises(ModelError, match=r"network\.py:FUNCTION"):
        load_model("network.py")


@pytest.mark.parametrize("spec", ["", "hf:", "timm:"])
def test_no_name_is_refused(spec):
    with pytest.raises(ModelError, match=f"MODEL '{spec}' names no network. Expected a torchvision name"):
        load_model(spec)


def test_a_checkpoint_in_place_of_a_network_is_told_its_place(tmp_path):
    torch.save({"weight": torch.zeros(1)}, tmp_path / "best.pth")
    with pytest.raises(ModelError, match=r"best\.pth is a file.*--weights .*best\.pth"):
        load_model(str(tmp_path / "best.pth"))


def test_a_folder_in_place_of_a_network_is_told_what_it_could_be(tmp_path):
    with pytest.raises(ModelError, match=f"{tmp_path} is a folder.*hf:{tmp_path}"):
        load_model(str(tmp_path))


def test_data_parallel_is_taken_off_so_that_paths_are_the_networks_own(tmp_path):
    (tmp_path / "network.py").write_text(
        "from torch import nn\n"
        "def build():\n"
        "    features = nn.DataParallel(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True)))\n"
        "    return nn.DataParallel(nn.Sequential(features, nn.Flatten(), nn.Linear(64, 2))).eval(), len\n"
    )
    network = load_model(f"{tmp_path}/network.py:build").network
    names = [site.name for site in list_sites(network, torch.rand(2, 3, 6, 6))]
    assert names == ["0.0", "0.1", "0", "1", "2"]


@pytest.mark.real
@pytest.mark.parametrize(
    ("folder", "n_pixels", "n_outputs"), [("cifar10-resnet20", 32, 10), ("photos12-mobilenetv1", 224, 12)]
)
def test_the_real_networks_are_loaded(real, folder, n_pixels, n_outputs):
    model = load_model(f"{real}/{folder}/network.py:build")
    assert model.transform_text == "function transform"
    assert model.notes == ()
    assert logits(model.network, torch.rand(2, 3, n_pixels, n_pixels)).shape == (2, n_outputs)


@pytest.mark.real
def test_a_real_checkpoint_of_several_gpus_is_read(real):
    spec = f"{real}/cifar10-resnet20/network.py:build"
    images = torch.rand(2, 3, 32, 32)
    again = load_model(spec, f"{real}/cifar10-resnet20/resnet20.th")
    assert torch.equal(logits(again.network, images), logits(load_model(spec).network, images))


@pytest.mark.parametrize(
    ("name", "start", "said"),
    [
        ("net.onnx", b"\x08\x08", "is an ONNX network"),
        ("net.h5", b"\x89HDF\r\n\x1a\n", "is an HDF5 file, as Keras writes"),
    ],
)
def test_a_network_of_another_program_is_told_by_its_kind(tmp_path, name, start, said):
    (tmp_path / name).write_bytes(start)
    with pytest.raises(ModelError, match=rf"{name} {said}\. Expected a torchvision name") as refused:
        load_model(str(tmp_path / name))
    assert "--weights" not in str(refused.value)
