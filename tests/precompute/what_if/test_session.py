"""What a session answers, against the whole network with a hook of the test's own."""

import importlib.util
import io
import shutil
import sys
from dataclasses import replace
from itertools import combinations
from unittest.mock import patch

# Before any torchvision.
import precompute.models.torchvision_ops  # noqa: F401

# isort: split

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats
from torchvision.transforms import Resize

from precompute.__main__ import main
from precompute.attribution_methods import METHODS
from precompute.errors import ImageFolderError, LayerError, ModelError, OptionError
from precompute.models.shuffled_weights import with_shuffled_weights
from precompute.models.weights_before import weights_by_place
from precompute.store.reader import open_store
from precompute.what_if.request import AFTER, ALL, OWN, Change, Request
from precompute.what_if.session import Session
from precompute.what_if.warm_layer import WarmLayer, WholePasses
from precompute.what_if.watch import Stopped, Watch


@pytest.fixture(scope="module")
def session(small):
    session = Session(small / "small.h5", images=None, code_allowed=True, watch=Watch())
    yield session
    session.close()


@pytest.fixture(scope="module")
def bare(small):
    """The network as its file builds it, and its inputs in the store's order."""
    spec = importlib.util.spec_from_file_location("bare_small", small / "small.py")
    module = sys.modules["bare_small"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network, transform = module.build()
    with open_store(small / "small.h5") as store:
        inputs = [transform(Image.open(small / "images" / path).convert("RGB")) for path in store.images.path]
    return network, torch.stack(inputs)


def hooked(network, inputs, layer, overwrite):
    """Run the whole network; `overwrite` changes the layer's output in place."""

    def hook(_module, _inputs, output):
        output = output.clone()
        overwrite(output)
        return output

    handle = network.get_submodule(layer).register_forward_hook(hook)
    with torch.no_grad():
        said = network(inputs)
    handle.remove()
    return said


def maps_at(network, inputs, layer):
    seen = []
    hooked(network, inputs, layer, lambda output: seen.append(output.clone()))
    return seen[0]


def overwriter(bare, layer, units, change):
    """What a change means, written out."""
    network, inputs = bare
    maps = maps_at(network, inputs, layer)

    def overwrite(output):
        for unit in units:
            if change.kind == "off":
                output[:, unit] = 0
            elif change.kind == "mean":
                output[:, unit] = maps[:, unit].mean()
            elif change.kind == "scale":
                output[:, unit] *= change.factor
            else:
                output[:, unit] = maps[change.image, unit]

    return overwrite


CHANGES = [
    Change(),
    Change("mean"),
    Change("scale", factor=-1.0),
    Change("scale", factor=2.5),
    Change("image", image=5),
]


@pytest.mark.parametrize("change", CHANGES, ids=Change.written)
@pytest.mark.parametrize(("layer", "units"), [("features.4", (0, 3, 6)), ("features.4", (2,)), ("signed", (0, 1, 4))])
def test_all_images_are_answered_as_by_a_hook_on_the_whole_network(session, bare, layer, units, change):
    found = session.answer(Request(layer, units, change), b"", Watch())
    expected = hooked(*bare, layer, overwriter(bare, layer, units, change)).argmax(1)
    np.testing.assert_array_equal(found["prediction"], expected.numpy())


@pytest.mark.parametrize("change", CHANGES, ids=Change.written)
def test_one_image_is_answered_as_by_a_hook_on_the_whole_network(session, bare, change):
    found = session.answer(Request("features.4", (1, 5), change, image=7), b"", Watch())
    network, inputs = bare
    with torch.no_grad():
        np.testing.assert_allclose(found["before"], network(inputs[7:8])[0], atol=1e-5)
    after = hooked(network, inputs, "features.4", overwriter(bare, "features.4", (1, 5), change))[7]
    np.testing.assert_allclose(found["after"], after, atol=1e-5)
    np.testing.assert_allclose(found["maps"], maps_at(network, inputs[7:8], "features.4")[0, [1, 5]], atol=1e-5)
    assert found["picture"].tobytes().startswith(b"\xff\xd8")


def test_single_units_are_answered_as_the_store_says(session):
    layer = session.store.layer("features.4")
    for kind, change in (("zero", Change()), ("mean", Change("mean"))):
        for unit in range(layer.n_units):
            expected = np.array(session.store.baseline.prediction)
            flips = layer.flips(kind, unit)
            expected[flips.image] = flips.prediction
            found = session.answer(Request("features.4", (unit,), change), b"", Watch())
            np.testing.assert_array_equal(found["prediction"], expected)


def test_pairs_are_those_of_asking_for_each(session):
    units = (1, 4, 6)
    found = session.answer(Request("features.4", units, pairs=True), b"", Watch())
    for singles, unit in zip(found["singles"], units, strict=True):
        alone = session.answer(Request("features.4", (unit,)), b"", Watch())["prediction"]
        np.testing.assert_array_equal(singles, alone)
    for pair, chosen in zip(found["pairs"], combinations(units, 2), strict=True):
        both = session.answer(Request("features.4", chosen), b"", Watch())["prediction"]
        np.testing.assert_array_equal(pair, both)
    np.testing.assert_array_equal(
        found["prediction"], session.answer(Request("features.4", units), b"", Watch())["prediction"]
    )


@pytest.mark.parametrize("most_bytes", [0, 30_000])
def test_what_does_not_fit_into_memory_is_read_again(session, most_bytes):
    restored, layer = session.restored, session.store.layer("features.4")
    warm = WarmLayer(restored, restored.site(layer), most_bytes)
    warm.warm_up(Watch())
    assert warm.n_bytes <= most_bytes
    change = lambda output: torch.zeros_like(output)  # noqa: E731
    expected = session.answer(Request("features.4", tuple(range(8))), b"", Watch())["prediction"]
    np.testing.assert_array_equal(warm.predictions(change, Watch()), expected)


def test_a_new_layer_takes_the_place_of_one_that_holds_more_than_half(small, monkeypatch):
    session = Session(small / "small.h5", images=None, code_allowed=True, watch=Watch())
    monkeypatch.setattr("precompute.what_if.session._MOST_BYTES", 200_000)
    session.answer(Request("features.4", (1,)), b"", Watch())
    held = session._warm["features.4"].n_bytes
    assert 100_000 < held <= 200_000
    session.answer(Request("signed", (1,)), b"", Watch())
    assert list(session._warm) == ["signed"]
    session.close()


def test_one_image_needs_no_layer_held(small):
    session = Session(small / "small.h5", images=None, code_allowed=True, watch=Watch())
    session.answer(Request("features.4", (1,), image=3), b"", Watch())
    assert not session._warm
    session.close()


def test_a_network_that_is_not_captured_goes_by_whole_passes(session):
    restored, layer = session.restored, session.store.layer("features.4")
    warm = WarmLayer(restored, restored.site(layer), 2**20)
    warm.route = warm.plain
    assert isinstance(warm.plain, WholePasses)
    warm.warm_up(Watch())
    change = lambda output: output * 2  # noqa: E731
    expected = session.answer(Request("features.4", tuple(range(8)), Change("scale", factor=2.0)), b"", Watch())
    np.testing.assert_array_equal(warm.predictions(change, Watch()), expected["prediction"])


def test_where_the_way_from_the_layer_on_is_doubted_all_images_go_through_the_whole_network(session, monkeypatch):
    restored, layer = session.restored, session.store.layer("features.4")
    warm = WarmLayer(restored, restored.site(layer), 2**20)
    warm.warm_up(Watch())
    assert warm.held
    monkeypatch.setattr(warm, "_tolerance", lambda _change: None)
    expected = session.answer(Request("features.4", tuple(range(8))), b"", Watch())["prediction"]
    for _ in range(2):
        np.testing.assert_array_equal(warm.predictions(torch.zeros_like, Watch()), expected)
    assert warm.route is warm.plain
    assert not warm.held


def test_images_too_close_to_call_are_answered_by_the_plain_method(session, monkeypatch):
    restored, layer = session.restored, session.store.layer("features.4")
    warm = WarmLayer(restored, restored.site(layer), 2**20)
    warm.warm_up(Watch())
    monkeypatch.setattr(warm, "_tolerance", lambda _change: np.inf)
    asked = []
    plainly = WholePasses.outputs
    monkeypatch.setattr(WholePasses, "outputs", lambda *a: asked.append(len(a[1])) or plainly(*a))
    expected = session.answer(Request("features.4", (0, 3)), b"", Watch())["prediction"]
    asked.clear()
    change = lambda output: output.index_fill(1, torch.tensor([0, 3]), 0)  # noqa: E731
    np.testing.assert_array_equal(warm.predictions(change, Watch()), expected)
    assert sum(asked) > 12


def test_an_uploaded_picture_is_answered_as_the_stored_one_and_not_kept(session, small, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    picture = (small / "images" / session.store.images.path[9]).read_bytes()
    stored = session.answer(Request("signed", (2,), image=9), b"", Watch())
    found = session.answer(Request("signed", (2,), upload=True), picture, Watch())
    np.testing.assert_array_equal(found["after"], stored["after"])
    assert list(tmp_path.iterdir()) == []


def test_a_strip_that_the_transform_would_make_too_large_is_refused(session):
    file = io.BytesIO()
    Image.new("RGB", (1, 10_000)).save(file, "PNG")
    shorter_side = replace(session.restored.model, transform=Resize(256))
    narrow = replace(session.restored, model=shorter_side)
    with patch.object(session, "restored", narrow), pytest.raises(ImageFolderError, match="10,000 times its shorter"):
        session.answer(Request("signed", (2,), upload=True), file.getvalue(), Watch())


def test_who_uploads_a_picture_is_not_told_of_options_of_the_command_line(session):
    file = io.BytesIO()
    Image.fromarray(np.full((8, 8), 300, np.uint16)).save(file, "PNG")
    with pytest.raises(ImageFolderError, match=r"may hold fewer than 16 bits\). Choose another one") as refused:
        session.answer(Request("signed", (2,), upload=True), file.getvalue(), Watch())
    assert "--" not in str(refused.value)


@pytest.mark.parametrize(
    "upload", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n and then nothing", b"\xff\xd8\xff" + bytes(6 * 2**20)]
)
def test_what_is_no_picture_is_refused(session, upload):
    with pytest.raises(ImageFolderError):
        session.answer(Request("signed", (2,), upload=True), upload, Watch())


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (Request("signed", (5,)), LayerError),
        (Request("signed", (1,), image=60), OptionError),
        (Request("signed", (1,), Change("image", image=60)), OptionError),
    ],
)
def test_what_is_not_there_is_refused(session, request_, error):
    with pytest.raises(error):
        session.answer(request_, b"", Watch())


def test_a_question_that_is_stopped_ends_and_the_next_is_answered(small):
    session = Session(small / "small.h5", images=None, code_allowed=True, watch=Watch())
    looks = iter([False, False, False, True])
    with pytest.raises(Stopped):
        session.answer(Request("features.4", (1,)), b"", Watch(is_stopped=lambda: next(looks)))
    assert len(session.answer(Request("features.4", (1,)), b"", Watch())["prediction"]) == 60


# Attribution


def test_the_gradient_is_that_of_each_units_peak(session, bare):
    found = session.answer(Request("features.4", (1, 5, 7), image=7, method="gradient"), b"", Watch())
    network, inputs = bare
    for unit, values in zip((1, 5, 7), found["attribution"], strict=True):
        pixels = inputs[7:8].clone().requires_grad_()
        seen = []
        handle = network.features[4].register_forward_hook(lambda _m, _i, output: seen.append(output))  # noqa: B023
        network(pixels)
        handle.remove()
        (gradient,) = torch.autograd.grad(seen[0][0, unit].max(), pixels)
        np.testing.assert_allclose(values, gradient[0].sum(0), rtol=2e-3, atol=1e-4)
    assert np.isnan(found["error"]).all()


def test_integrated_gradients_say_how_far_their_sum_is_off(session):
    found = session.answer(Request("signed", (0, 2), image=3, method="integrated_gradients"), b"", Watch())
    assert found["attribution"].shape == (2, 16, 16)
    assert (found["error"] < 0.2).all()


def test_a_method_that_cannot_be_right_is_refused_with_the_reason(session, monkeypatch):
    monkeypatch.setattr("precompute.what_if.attributed.not_right", lambda *_: {"deconvolution": "No ReLU modules."})
    with pytest.raises(LayerError, match=r"Deconvolution cannot be right for signed\. No ReLU modules"):
        session.answer(Request("signed", (0,), image=3, method="deconvolution"), b"", Watch())


def test_a_map_on_demand_is_the_one_that_a_run_stores(small, tmp_path):
    stored = shutil.copy(small / "small.h5", tmp_path / "stored.h5")
    words = ["experiment", "attribution", str(stored), "--layer", "features.4", "--unit", "2", "--images"]
    assert main([*words, str(small / "images")]) == 0
    session = Session(stored, images=small / "images", code_allowed=True, watch=Watch())
    layer = session.store.layer("features.4")
    for method in METHODS:
        held, images = layer.attribution(method, 2), layer.exemplars("top", 2).image
        assert held.computed.all()
        for image, expected, error in zip(images, held.map, held.error, strict=False):
            found = session.answer(Request("features.4", (2,), image=int(image), method=method), b"", Watch())
            np.testing.assert_allclose(found["attribution"][0], expected, rtol=2e-3, atol=1e-5, err_msg=method)
            np.testing.assert_allclose(found["error"][0], error, rtol=1e-2)
    session.close()


def test_the_field_holds_every_pixel_that_the_peak_depends_on_and_no_others_at_its_corners(session, bare):
    found = session.answer(Request("features.4", (2,), image=7, method="gradient"), b"", Watch())
    network, inputs = bare
    y, x = np.unravel_index(int(maps_at(network, inputs[7:8], "features.4")[0, 2].argmax()), (8, 8))
    # A kernel of 3, a pool of 2, a kernel of 3: 2 (y - 1) - 1 to 2 (y + 1) + 2.
    assert found["field"][0].tolist() == [2 * y - 3, 2 * x - 3, 2 * y + 4, 2 * x + 4]
    rows, columns = np.nonzero(found["attribution"][0])
    assert found["field"][0, 0] <= rows.min()
    assert rows.max() <= found["field"][0, 2]
    assert found["field"][0, 1] <= columns.min()
    assert columns.max() <= found["field"][0, 3]


def test_with_random_weights_after_the_layer_the_map_stays_and_with_all_of_them_it_does_not(session, bare):
    request_ = Request("features.4", (2,), image=7, method="gradient", random=True)
    found = session.answer(request_, b"", Watch())
    step = found["random_step"].tolist()
    assert step == [AFTER, OWN, OWN, OWN, ALL, ALL, ALL]
    np.testing.assert_allclose(found["random_map"][0], found["attribution"][0], rtol=2e-3, atol=1e-5)
    assert found["likeness"][0] == pytest.approx(1, abs=1e-3)
    for number in range(1, 7):
        assert abs(found["likeness"][number]) < 0.95
        one, other = (np.abs(values).ravel() for values in (found["attribution"][0], found["random_map"][number]))
        shown = (one > 0) | (other > 0)
        assert found["likeness"][number] == pytest.approx(stats.spearmanr(one[shown], other[shown]).statistic)


def test_a_map_with_all_weights_in_random_order_is_that_of_such_a_network(session, bare):
    found = session.answer(Request("features.4", (2,), image=7, method="gradient", random=True), b"", Watch())
    network, inputs = bare
    y, x = np.unravel_index(int(maps_at(network, inputs[7:8], "features.4")[0, 2].argmax()), (8, 8))
    other, pixels, seen = with_shuffled_weights(network, inputs[:2], seed=1), inputs[7:8].clone().requires_grad_(), []
    handle = other.features[4].register_forward_hook(lambda _m, _i, output: seen.append(output))
    other(pixels)
    handle.remove()
    (gradient,) = torch.autograd.grad(seen[0][0, :, y, x].max(), pixels)
    np.testing.assert_allclose(found["random_map"][5], gradient[0].sum(0), rtol=2e-3, atol=1e-4)


def test_the_layers_own_weights_are_those_of_its_convolution(session):
    small = session.restored.model.network
    weights = weights_by_place(small, session._site(session.store.layer("features.4")), session.restored.probe)
    assert weights.own == {"features.3.weight", "features.3.bias"}
    assert "classifier.weight" in weights.after


# Where images and code lie


def test_images_that_are_not_where_they_lay_are_refused_with_the_way_on(small, tmp_path):
    moved = shutil.copytree(small, tmp_path / "moved")
    (small / "images").rename(small / "elsewhere")
    try:
        with pytest.raises(ImageFolderError, match="--images"):
            Session(small / "small.h5", images=None, code_allowed=True, watch=Watch())
        Session(small / "small.h5", images=moved / "images", code_allowed=True, watch=Watch()).close()
    finally:
        (small / "elsewhere").rename(small / "images")


def test_a_network_that_is_a_python_file_is_run_only_where_that_was_allowed(small, monkeypatch):
    monkeypatch.setattr("precompute.models.user_file._call", lambda *_: pytest.fail("it was run"))
    with pytest.raises(ModelError, match="--allow-code"):
        Session(small / "small.h5", images=None, code_allowed=False, watch=Watch())


def test_a_file_that_is_not_the_runs_is_not_run(small, monkeypatch):
    file = small / "small.py"
    before = file.read_text()
    monkeypatch.setattr("precompute.models.user_file._call", lambda *_: pytest.fail("it was run"))
    try:
        file.write_text(before + "\n")
        with pytest.raises(ModelError, match="not the file that the run had"):
            Session(small / "small.h5", images=None, code_allowed=True, watch=Watch())
    finally:
        file.write_text(before)
