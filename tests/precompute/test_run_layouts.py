"""A whole run on layers whose units are last, held to hooks and whole passes that know where the units are.

Nothing here asks the product where units lie: it is written in the networks below.
"""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from PIL import Image

from precompute.__main__ import main
from precompute.models.load import load_model
from precompute.store.check import check
from precompute.store.reader import open_store
from precompute.what_if.request import Change, Request
from precompute.what_if.session import Session
from precompute.what_if.watch import Watch
from tests.small import write_images

NETWORKS = '''
import numpy as np
import torch
from torch import nn


class Block(nn.Module):
    """Attention of one head, and an MLP."""

    def __init__(self, n):
        super().__init__()
        self.norm = nn.LayerNorm(n)
        self.qkv = nn.Linear(n, 3 * n)
        self.mlp = nn.Sequential(nn.LayerNorm(n), nn.Linear(n, 2 * n), nn.GELU(), nn.Linear(2 * n, n))

    def forward(self, x):
        q, k, v = self.qkv(self.norm(x)).chunk(3, dim=-1)
        x = x + (q @ k.transpose(1, 2) / q.shape[-1] ** 0.5).softmax(-1) @ v
        return x + self.mlp(x)


class Tokens(nn.Module):
    """(image, token, unit): a class token and a register, then the picture row by row."""

    def __init__(self, n=12):
        super().__init__()
        self.patches = nn.Conv2d(3, n, 4, stride=4)
        self.apart = nn.Parameter(torch.randn(1, 2, n))
        self.place = nn.Parameter(torch.randn(1, 18, n) / 2)
        self.blocks = nn.Sequential(Block(n), Block(n))
        self.norm = nn.LayerNorm(n)
        self.head = nn.Linear(n, 3)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.apart.expand(len(x), -1, -1), x], 1) + self.place
        x = self.norm(self.blocks(x))
        return self.head(x[:, 0] + x[:, 2:].mean(1))


class Last(nn.Module):
    """(image, row, column, unit)."""

    def __init__(self, n=10):
        super().__init__()
        self.stem = nn.Conv2d(3, n, 4, stride=2)
        self.norm = nn.LayerNorm(n)
        self.up = nn.Linear(n, 2 * n)
        self.down = nn.Linear(2 * n, n)
        self.head = nn.Linear(n, 3)

    def forward(self, x):
        x = self.stem(x).permute(0, 2, 3, 1)
        x = x + self.down(nn.functional.gelu(self.up(self.norm(x))))
        return self.head(x.mean((1, 2)))


def transform(picture):
    return torch.from_numpy(np.asarray(picture.resize((16, 16)), dtype=np.float32) / 127.5 - 1).permute(2, 0, 1)


def alive(network):
    """Outputs of mean 0 and deviation 1 on random images: predictions that units can change."""
    network.eval()
    images = torch.rand(64, 3, 16, 16) * 2 - 1
    with torch.no_grad():
        outputs = network(images)
        network.head.weight.div_(outputs.std(0).unsqueeze(1))
        network.head.bias.zero_().sub_(network(images).mean(0))
    return network, transform


def tokens():
    torch.manual_seed(0)
    return alive(Tokens())


def last():
    torch.manual_seed(0)
    return alive(Last())
'''


@dataclass(frozen=True)
class Case:
    """A layer, how many tokens stand before the picture (None where it is not a token layer), and its map."""

    function: str
    layer: str
    n_apart: int | None
    shape: tuple[int, int]


CASES = [
    Case("tokens", "blocks.0", 2, (4, 4)),
    Case("tokens", "blocks.1.mlp.1", 2, (4, 4)),
    Case("tokens", "norm", 2, (4, 4)),
    Case("last", "norm", None, (7, 7)),
    Case("last", "up", None, (7, 7)),
]


@dataclass
class Done:
    """A case, its store, the network and its images, and the layer's output with nothing silenced."""

    case: Case
    store: object
    network: torch.nn.Module
    images: torch.Tensor
    output: torch.Tensor

    def silenced(self, unit, kind):
        """Predictions with one unit set to zero, or to its means."""
        n_apart = self.case.n_apart or 0

        def hook(_module, _given, made):
            changed = made.clone()
            changed[..., unit] = 0
            if kind == "mean":
                flat = self.output[..., unit].reshape(len(self.images), -1)
                apart, picture = flat[:, :n_apart].mean(0), flat[:, n_apart:].mean()
                values = torch.cat([apart, picture.expand(flat.shape[1] - n_apart)])
                changed[..., unit] = values.view(1, *made.shape[1:-1])
            return changed

        with torch.no_grad():
            return answers_with(self.network, self.case.layer, hook, self.images)


def answers_with(network, layer, hook, images):
    handle = network.get_submodule(layer).register_forward_hook(hook)
    try:
        return network(images)
    finally:
        handle.remove()


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """One run for each network: MODEL, images and store by the function."""
    folder = tmp_path_factory.mktemp("layouts")
    (folder / "networks.py").write_text(NETWORKS)
    images, made = write_images(folder / "images", per_class=10), {}
    for function in ("tokens", "last"):
        model, out = f"{folder / 'networks.py'}:{function}", folder / f"{function}.h5"
        layers = [word for case in CASES if case.function == function for word in ("--layer", case.layer)]
        words = ["run", model, "--images", str(images), *layers, "--out", str(out), "--workers", "0"]
        more = ["--ablation", "zero", "--ablation", "mean", "--attribution", "none", "--allow-low-accuracy"]
        assert main([*words, *more]) == 0
        assert check(out) == []
        made[function] = model, images, out
    return made


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case.function}-{case.layer}")
def done(request, stores):
    case = request.param
    name, images, out = stores[case.function]
    with open_store(out) as store:
        model = load_model(name)
        batch = torch.stack([model.transform(picture_at(images / path)) for path in store.images.path])
        seen = []
        with torch.no_grad():
            answers_with(model.network, case.layer, lambda _module, _given, made: seen.append(made.clone()), batch)
        yield Done(case, store, model.network, batch, seen[0])


def picture_at(path):
    return Image.open(path).convert("RGB")


def test_the_store_says_where_units_and_positions_are(done):
    layer = done.store.layer(done.case.layer)
    assert layer.n_units == done.output.shape[-1]
    assert layer.unit_dimension == -1
    assert layer.positions == ("grid" if done.case.n_apart is None else "tokens")
    assert layer.spatial_shape == done.case.shape


def test_activations_are_those_of_the_picture_and_other_tokens_stand_apart(done):
    layer, n_apart = done.store.layer(done.case.layer), done.case.n_apart or 0
    for unit in range(layer.n_units):
        flat = done.output[..., unit].reshape(len(done.images), -1).numpy()
        found = layer.activation(unit)
        np.testing.assert_allclose(found.max, flat[:, n_apart:].max(1), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found.mean, flat[:, n_apart:].mean(1), rtol=1e-4, atol=1e-5)
        if n_apart:
            np.testing.assert_allclose(layer.other_tokens(unit), flat[:, :n_apart], rtol=1e-4, atol=1e-5)
        else:
            assert layer.other_tokens(unit) is None


def test_maps_of_exemplars_are_the_picture_row_by_row(done):
    layer, n_apart = done.store.layer(done.case.layer), done.case.n_apart or 0
    for unit in range(layer.n_units):
        top = layer.exemplars("top", unit)
        for image, shown in zip(top.image[:3], top.map[:3], strict=True):
            expected = done.output[image, ..., unit].reshape(-1)[n_apart:].reshape(done.case.shape)
            np.testing.assert_allclose(shown, expected, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("kind", ["zero", "mean"])
def test_every_prediction_is_that_of_a_hook_and_a_whole_pass(done, kind):
    layer = done.store.layer(done.case.layer)
    with torch.no_grad():
        base = done.network(done.images).argmax(1).numpy()
    np.testing.assert_array_equal(done.store.baseline.prediction, base)
    n_flips = 0
    for unit in range(layer.n_units):
        outputs = done.silenced(unit, kind)
        highest = outputs.topk(2, dim=1).values
        sure = (highest[:, 0] - highest[:, 1] > 1e-4).numpy()
        expected, found, flips = outputs.argmax(1).numpy(), base.copy(), layer.flips(kind, unit)
        found[flips.image] = flips.prediction
        np.testing.assert_array_equal(found[sure], expected[sure])
        n_flips += len(flips.image)
    assert n_flips > 0


def test_a_what_if_of_one_unit_has_the_flips_of_the_store_wherever_units_lie(done, stores):
    layer = done.store.layer(done.case.layer)
    session = Session(stores[done.case.function][2], images=None, code_allowed=True, watch=Watch())
    for kind, change in (("zero", Change()), ("mean", Change("mean"))):
        for unit in range(0, layer.n_units, 3):
            expected, flips = np.array(done.store.baseline.prediction), layer.flips(kind, unit)
            expected[flips.image] = flips.prediction
            found = session.answer(Request(layer.name, (unit,), change), b"", Watch())
            np.testing.assert_array_equal(found["prediction"], expected)
    session.close()


@torch.no_grad()
def test_a_what_if_of_several_units_is_that_of_a_hook_wherever_units_lie(done, stores):
    session = Session(stores[done.case.function][2], images=None, code_allowed=True, watch=Watch())
    for change, overwrite in (
        (Change("scale", factor=-1.0), lambda made: -made[..., [0, 2]]),
        (Change("image", image=4), lambda _made: done.output[4:5][..., [0, 2]]),
    ):

        def hook(_module, _given, made, overwrite=overwrite):
            changed = made.clone()
            changed[..., [0, 2]] = overwrite(made)
            return changed

        expected = answers_with(done.network, done.case.layer, hook, done.images).argmax(1)
        found = session.answer(Request(done.case.layer, (0, 2), change), b"", Watch())
        np.testing.assert_array_equal(found["prediction"], expected.numpy())
    session.close()
