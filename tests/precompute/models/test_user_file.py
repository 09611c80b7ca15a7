import pickle
import sys

import pytest
import torch
from torch import nn

from precompute.errors import ModelError
from precompute.models.load import load_model

HEAD = "import torch\nfrom torch import nn\n"


@pytest.fixture
def write(tmp_path):
    """Write a file that defines build() and return the words that load it."""

    def written(body, *, name="network.py", head=HEAD):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(head + body)
        return f"{tmp_path / name}:build"

    return written


def test_a_pair_of_network_and_transform_is_taken_as_it_is(write):
    spec = write("def blank(image): return torch.zeros(2)\ndef build(): return nn.Linear(2, 3).eval(), blank")
    model = load_model(spec)
    assert model.spec == spec
    assert model.weights == "built in"
    assert model.transform_text == "function blank"
    assert model.notes == ()
    assert model.network(model.transform(None)).shape == (3,)


def test_a_bare_network_gets_the_usual_transform_and_a_note(write):
    model = load_model(write("def build(): return nn.Conv2d(1, 2, 3).eval()"))
    assert "greyscale" in model.transform_text
    assert "no transform" in model.notes[0]
    assert model.transform_text in model.notes[0]


def test_a_network_in_training_mode_is_put_into_evaluation_mode(write):
    model = load_model(write("def build(): return nn.Sequential(nn.Dropout()), len"))
    assert not any(module.training for module in model.network.modules())
    assert "training mode" in model.notes[0]


def test_a_train_that_returns_nothing_does_no_harm(write):
    spec = write(
        "class Frozen(nn.Linear):\n    def train(self, mode=True):\n        super().train(False)\n"
        "def build(): return Frozen(2, 3), len"
    )
    assert type(load_model(spec).network).__name__ == "Frozen"


def test_a_program_of_torch_export_is_refused(write):
    spec = write("def build(): return torch.export.export(nn.Linear(2, 3), (torch.ones(1, 2),)).module(), len")
    with pytest.raises(ModelError, match=r"evaluation mode: its eval\(\) raises NotImplementedError.*torch.export"):
        load_model(spec)


def test_the_path_is_stored_whole(write, tmp_path, monkeypatch):
    spec = write("def build(): return nn.ReLU().eval(), len")
    monkeypatch.chdir(tmp_path)
    assert load_model("network.py:build").spec == spec


def test_weights_are_found_though_the_file_changes_the_current_folder(write, tmp_path, monkeypatch):
    spec = write("import os\ndef build():\n    os.chdir('elsewhere')\n    return nn.Linear(2, 3).eval(), len")
    saved = nn.Linear(2, 3)
    torch.save(saved.state_dict(), tmp_path / "weights.pt")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    assert torch.equal(load_model(spec, "weights.pt").network.weight, saved.weight)


def test_files_beside_it_can_be_imported_at_any_time(write, tmp_path):
    (tmp_path / "helper_beside.py").write_text("WIDTH = 3")
    (tmp_path / "late_beside.py").write_text("WIDTH = 5")
    spec = write(
        "import helper_beside\ndef build():\n    from late_beside import WIDTH\n"
        "    return nn.Linear(helper_beside.WIDTH, WIDTH).eval(), len"
    )
    path = list(sys.path)
    assert load_model(spec).network.weight.shape == (5, 3)
    assert sys.path == path


def test_helpers_of_the_same_name_in_two_folders_are_not_mixed_up(write, tmp_path):
    body = (
        "from blocks_of_mine import WIDTH\nfrom package_of_mine.sizes import DEPTH\n"
        "def build(): return nn.Linear(DEPTH, WIDTH).eval(), len"
    )
    for folder, (width, depth) in {"one": (1, 2), "two": (3, 4)}.items():
        spec = write(body, name=f"{folder}/network.py")
        (tmp_path / folder / "blocks_of_mine.py").write_text(f"WIDTH = {width}")
        (tmp_path / folder / "package_of_mine").mkdir()
        (tmp_path / folder / "package_of_mine" / "__init__.py").touch()
        (tmp_path / folder / "package_of_mine" / "sizes.py").write_text(f"DEPTH = {depth}")
        assert load_model(spec).network.weight.shape == (width, depth)


def test_a_library_that_the_file_is_the_first_to_import_stays_imported(write, monkeypatch):
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    load_model(write("import colorsys\ndef build(): return nn.ReLU().eval(), len"))
    assert "colorsys" in sys.modules


def test_data_classes_and_pickling_work_in_the_users_file(write):
    spec = write(
        "from __future__ import annotations\nfrom dataclasses import dataclass\nimport torch\nfrom torch import nn\n"
        "@dataclass\nclass Blank:\n    size: int\n    def __call__(self, image): return torch.zeros(self.size)\n"
        "def build(): return nn.ReLU().eval(), Blank(2)",
        head="",
    )
    transform = load_model(spec).transform
    assert pickle.loads(pickle.dumps(transform)) == transform


def test_a_checkpoint_is_loaded_into_the_network(write, tmp_path):
    saved = nn.Linear(2, 3)
    torch.save({"state_dict": {f"module.{k}": v for k, v in saved.state_dict().items()}}, tmp_path / "mine.pt")
    model = load_model(write("def build(): return nn.DataParallel(nn.Linear(2, 3)).eval(), len"), f"{tmp_path}/mine.pt")
    assert torch.equal(model.network.weight.cpu(), saved.weight)  # DataParallel moves it to a GPU, if there is one
    assert model.weights == str(tmp_path / "mine.pt")


def test_a_checkpoint_that_does_not_fit_is_refused(write, tmp_path):
    torch.save(nn.Linear(2, 4).state_dict(), tmp_path / "mine.pt")
    with pytest.raises(ModelError, match=r"weight is 4×2 where the network has 3×2"):
        load_model(write("def build(): return nn.Linear(2, 3), len"), str(tmp_path / "mine.pt"))


@pytest.mark.parametrize("weights", ["none", "IMAGENET1K_V1"])
def test_only_a_checkpoint_can_replace_the_weights_of_a_file(write, weights):
    with pytest.raises(ModelError, match=f"{weights}.*build brings its own"):
        load_model(write("def build(): return nn.Linear(2, 3), len"), weights)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("def build():\n    return nn.Linear(2)", r"network\.py, line 4, in build: TypeError: .*out_features"),
        ("x = 1 / 0", r"network\.py, line 3, in <module>: ZeroDivisionError: division by zero"),
        ("def build(:", r"network\.py, line 3: SyntaxError"),
        ("import no_such_library", r"network\.py, line 3, in <module>: ModuleNotFoundError.*no_such_library"),
        ("def build(): raise SystemExit('enough')", r"network\.py, line 3, in build: SystemExit: enough"),
        ("import broken_beside\ndef build(): pass", r"broken_beside\.py, line 2, in <module>: ValueError: bad helper"),
    ],
)
def test_an_error_in_the_users_file_is_told_with_its_place(write, tmp_path, body, words):
    (tmp_path / "broken_beside.py").write_text("\nraise ValueError('bad helper')")
    with pytest.raises(ModelError, match=words):
        load_model(write(body))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("def bild(): pass", r"no function 'build'. It has: bild"),
        ("build = 3", r"no function 'build'. It has: none"),
        ("def build(width, depth=2): pass", "without arguments, but it needs width"),
        ("def build(): pass", "must return an nn.Module .* returned NoneType"),
        ("def build(): return nn.ReLU(), 3", "returned ReLU, int"),
        ("def build(): return nn.ReLU(), len, 3", "returned ReLU, builtin_function_or_method, int"),
    ],
)
def test_a_function_that_is_not_what_was_agreed_is_refused(write, body, words):
    with pytest.raises(ModelError, match=words):
        load_model(write(body))


def test_default_arguments_are_fine(write):
    assert (
        load_model(write("def build(width=2, *rest, **more): return nn.Linear(width, 1), len")).network.in_features == 2
    )


def test_a_missing_file_is_named():
    with pytest.raises(ModelError, match=r"no file .*/nowhere\.py"):
        load_model("nowhere.py:build")


def test_a_file_that_failed_leaves_nothing_behind(write):
    modules, path = set(sys.modules), list(sys.path)
    with pytest.raises(ModelError):
        load_model(write("x = 1 / 0"))
    assert set(sys.modules) == modules
    assert sys.path == path
