import sys

import pytest
import torch

from precompute.errors import ModelError
from precompute.models.load import load_model
from precompute.models.timm_names import from_timm


def test_without_timm_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ModelError, match="pip install timm"):
        load_model("timm:resnet18")


@pytest.fixture
def timm():
    return pytest.importorskip("timm", reason="timm is not installed; it is optional")


@pytest.mark.usefixtures("timm")
def test_an_unknown_name_is_answered_with_the_close_ones():
    with pytest.raises(ModelError, match=r"'resnt18'.*resnet18"):
        from_timm("resnt18", "DEFAULT")


@pytest.mark.usefixtures("timm")
def test_random_weights_are_the_same_every_time_and_announced():
    first, second = from_timm("resnet10t", "none"), from_timm("resnet10t", "none")
    assert all(torch.equal(a, b) for a, b in zip(first.network.parameters(), second.network.parameters(), strict=True))
    assert (first.spec, first.weights) == ("timm:resnet10t", "none")
    assert "random" in first.notes[0]
    assert "Resize" in first.transform_text or "resize" in first.transform_text


@pytest.mark.parametrize(
    "name",
    ["resnet10t", "mobilenetv3_small_050", "convnext_atto", "deit_tiny_distilled_patch16_224", "levit_128s"],
)
def test_a_checkpoint_says_itself_how_many_outputs_there_are(timm, tmp_path, name):
    torch.manual_seed(7)
    saved = timm.create_model(name, num_classes=6).eval()
    torch.save({"state_dict": saved.state_dict()}, tmp_path / "mine.pt")
    model = from_timm(name, str(tmp_path / "mine.pt"))
    images = torch.rand(2, *saved.pretrained_cfg["input_size"])
    with torch.no_grad():
        assert torch.equal(model.network.eval()(images), saved(images))
        assert saved(images).shape == (2, 6)


@pytest.mark.usefixtures("timm")
def test_an_unknown_tag_is_answered_with_the_known():
    with pytest.raises(ModelError, match=r"no weights timm:resnet10t\.mine.*resnet10t\.c3_in1k"):
        from_timm("resnet10t.mine", "none")


def test_published_weights_without_a_last_layer_are_refused(timm, monkeypatch):
    create = timm.create_model
    monkeypatch.setattr(timm, "create_model", lambda name, pretrained: create(name, pretrained=False))
    with pytest.raises(ModelError, match=r"timm:vit_small_patch14_dinov2 are not a classifier's.*--weights FILE"):
        from_timm("vit_small_patch14_dinov2", "DEFAULT")


@pytest.mark.usefixtures("timm")
def test_a_network_without_classes_is_refused():
    with pytest.raises(ModelError, match=r"deepseek_vit_412m_enc is not a classifier"):
        from_timm("deepseek_vit_412m_enc", "none")


def test_weights_come_by_default(timm, monkeypatch):
    asked = []
    create = timm.create_model

    def create_offline(name, *, pretrained, **options):
        asked.append(pretrained)
        return create(name, pretrained=False, **options)

    monkeypatch.setattr(timm, "create_model", create_offline)
    model = from_timm("resnet10t.c3_in1k", "DEFAULT")
    assert asked == [True]
    assert model.weights == "timm resnet10t.c3_in1k"


def test_without_internet_the_message_says_what_to_do(timm, monkeypatch):
    def unreachable(*_args, **_options):
        raise OSError("no route to host")

    monkeypatch.setattr(timm, "create_model", unreachable)
    with pytest.raises(ModelError, match=r"timm:resnet10t could not be fetched \(no route to host\).*--weights none"):
        from_timm("resnet10t", "DEFAULT")


@pytest.mark.usefixtures("timm")
def test_names_of_weights_belong_into_the_name():
    with pytest.raises(ModelError, match=r"'IMAGENET1K_V1'.*timm:NAME\.TAG"):
        from_timm("resnet10t", "IMAGENET1K_V1")
