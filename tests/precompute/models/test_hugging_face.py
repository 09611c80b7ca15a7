import pickle
import sys

import precompute.models.torchvision_ops  # noqa: F401

# isort: split
import pytest
import torch
from PIL import Image

from precompute.errors import ModelError
from precompute.models.load import load_model
from precompute.models.sites import list_sites

NAMES = ("tabby cat", "dog", "fish")


def test_without_transformers_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ModelError, match="pip install transformers"):
        load_model("hf:anything")


@pytest.fixture(scope="module")
def transformers():
    return pytest.importorskip("transformers", reason="transformers is not installed; it is optional")


def small(transformers, kind="ResNetForImageClassification", **options):
    torch.manual_seed(3)
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", **options
    )
    return getattr(transformers, kind)(config).eval()


@pytest.fixture(scope="module")
def processor(transformers):
    return transformers.ViTImageProcessor(size={"height": 32, "width": 32}, image_mean=[0.5] * 3, image_std=[0.25] * 3)


@pytest.fixture
def folder(transformers, processor, tmp_path):
    network = small(transformers, id2label=dict(enumerate(NAMES)), label2id={name: i for i, name in enumerate(NAMES)})
    network.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    return tmp_path


PICTURE = Image.linear_gradient("L").convert("RGB").resize((50, 40))


def test_a_folder_brings_network_transform_and_names(transformers, folder, processor):
    model = load_model(f"hf:{folder}")
    assert (model.spec, model.weights, model.notes) == (f"hf:{folder}", f"hf {folder}", ())
    assert model.output_names == NAMES
    inputs = model.transform(PICTURE)
    assert torch.equal(inputs, processor(images=PICTURE, return_tensors="pt")["pixel_values"][0])
    saved = transformers.ResNetForImageClassification.from_pretrained(folder)
    with torch.no_grad():
        assert torch.equal(model.network(inputs[None]), saved(inputs[None]).logits)
    assert model.transform_text.startswith("ViTImageProcessor: size height 32 width 32")


def test_the_paths_of_layers_are_the_networks_own(folder):
    names = [site.name for site in list_sites(load_model(f"hf:{folder}").network, torch.rand(2, 3, 32, 32))]
    assert "resnet.embedder.embedder.convolution" in names


def test_the_transform_can_be_sent_to_workers(folder):
    transform = load_model(f"hf:{folder}").transform
    assert torch.equal(pickle.loads(pickle.dumps(transform))(PICTURE), transform(PICTURE))


def test_half_precision_on_disk_is_computed_in_float32(transformers, folder):
    small(transformers, num_labels=3).half().save_pretrained(folder)
    assert next(load_model(f"hf:{folder}").network.parameters()).dtype == torch.float32


def test_outputs_that_nobody_named_have_no_names(transformers, folder):
    small(transformers, num_labels=4).save_pretrained(folder)
    assert load_model(f"hf:{folder}").output_names == ()


def test_random_weights_are_announced_and_the_same_every_time(folder):
    first, second = load_model(f"hf:{folder}", "none"), load_model(f"hf:{folder}", "none")
    pairs = zip(first.network.parameters(), second.network.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert "random" in first.notes[0]


def test_a_checkpoint_replaces_the_weights(transformers, folder):
    torch.save({"state_dict": small(transformers, num_labels=3).state_dict()}, folder / "mine.pt")
    model = load_model(f"hf:{folder}", str(folder / "mine.pt"))
    assert model.weights == str(folder / "mine.pt")
    expected = torch.load(folder / "mine.pt")["state_dict"]
    assert all(torch.equal(value, expected[name]) for name, value in model.network.state_dict().items())


def test_a_network_that_is_no_classifier_is_refused(transformers, folder):
    small(transformers, "ResNetModel").save_pretrained(folder)
    with pytest.raises(ModelError, match=r"holds ResNetModel, and no image classifier"):
        load_model(f"hf:{folder}")


def test_weights_that_lack_the_last_layer_are_not_made_up(transformers, folder):
    """Transformers would fill it with random numbers, and say so in a log."""
    config = (folder / "config.json").read_text()
    small(transformers, "ResNetModel").save_pretrained(folder)
    (folder / "config.json").write_text(config)
    with pytest.raises(ModelError, match=r"not those of ResNetForImageClassification: they lack classifier\.1\.bias"):
        load_model(f"hf:{folder}")


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ("config.json", r"has no config\.json"),
        ("preprocessor_config.json", "cannot be loaded"),
        ("model.safetensors", "cannot be loaded"),
    ],
)
def test_a_folder_that_lacks_a_file_is_refused(folder, lost, words):
    (folder / lost).unlink()
    with pytest.raises(ModelError, match=f"{folder}.*{words}.*save_pretrained"):
        load_model(f"hf:{folder}")


@pytest.mark.parametrize("base", [True, False])
def test_an_adapter_is_refused_with_and_without_the_network_that_it_changes(folder, base):
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 4}')
    if not base:
        (folder / "config.json").unlink()
    with pytest.raises(ModelError, match=r"holds an adapter .* merge_and_unload\(\)"):
        load_model(f"hf:{folder}")


def test_a_folder_of_checkpoints_is_told_what_it_holds(folder):
    (folder / "checkpoint-5").mkdir()
    (folder / "config.json").rename(folder / "checkpoint-5" / "config.json")
    with pytest.raises(ModelError, match=r"has no config.json\. Some of its folders have one: checkpoint-5\."):
        load_model(f"hf:{folder}")


@pytest.mark.parametrize("damaged", ["config.json", "preprocessor_config.json", "model.safetensors"])
def test_a_damaged_folder_is_refused(folder, damaged):
    content = (folder / damaged).read_bytes()
    (folder / damaged).write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match=f"{folder} cannot be loaded"):
        load_model(f"hf:{folder}")


@pytest.mark.usefixtures("transformers")
@pytest.mark.parametrize("name", ["/nowhere/at/all", "./nowhere", "a/b/c", "two words"])
def test_what_can_be_no_repository_is_not_looked_for(name, monkeypatch):
    monkeypatch.setattr("huggingface_hub.file_download.hf_hub_download", None)
    with pytest.raises(ModelError, match="There is no folder /"):
        load_model(f"hf:{name}")


def test_a_hub_that_does_not_answer_is_one_sentence(transformers, monkeypatch):
    def unreachable(*_args, **_options):
        raise OSError("no route\nto host")

    monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", unreachable)
    with pytest.raises(ModelError, match=r"no folder 'lab/network' here.*Hub did not give.*no route to host\)"):
        load_model("hf:lab/network")
