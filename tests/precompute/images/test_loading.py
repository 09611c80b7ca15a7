import importlib.util
import multiprocessing
import os
import shutil
import signal
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from precompute import __main__ as program
from precompute.errors import ImageFolderError, ModelError
from precompute.images.decoding import open_picture
from precompute.images.folder import list_images
from precompute.images.loading import apply_transform, default_workers, read_batches

both = pytest.mark.parametrize("workers", [0, 2])


def to_tensor(picture):
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).float()


@pytest.fixture
def images(tmp_path):
    """Ten images of 4 x 3 pixels in two classes; image k is of grey level k."""
    for k in range(10):
        path = tmp_path / "set" / "ab"[k // 5] / f"{k}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 3), (k, k, k)).save(path)
    return list_images(tmp_path / "set")


@both
def test_batches_come_in_order_with_their_images(images, workers):
    wanted = [[3, 1], [9], [0, 2, 4, 4]]
    batches = list(read_batches(images, to_tensor, wanted, workers=workers))
    assert [batch.indices for batch in batches] == [(3, 1), (9,), (0, 2, 4, 4)]
    for batch in batches:
        expected = torch.tensor(batch.indices, dtype=torch.float32).view(-1, 1, 1, 1).expand(-1, 3, 3, 4)
        assert batch.inputs.dtype == torch.float32
        assert torch.equal(batch.inputs, expected)
        assert batch.bad == ()


@both
def test_bad_images_are_told_and_stop_nothing(images, workers):
    (images.root / images.paths[1]).write_bytes(b"")
    (images.root / images.paths[2]).write_text("no image")
    (images.root / images.paths[6]).unlink()
    batches = list(read_batches(images, to_tensor, [[1, 2], [0, 1, 3], [6], [7]], workers=workers))
    assert [batch.indices for batch in batches] == [(), (0, 3), (), (7,)]
    assert [tuple(batch.inputs.shape) for batch in batches] == [(0, 0, 0, 0), (2, 3, 3, 4), (0, 3, 3, 4), (1, 3, 3, 4)]
    assert [batch.bad for batch in batches] == [
        ((1, "the file is empty"), (2, "not an image in a known format")),
        ((1, "the file is empty"),),
        ((6, "there is no such file"),),
        (),
    ]


@both
def test_each_image_is_transformed_once(images, workers, tmp_path):
    def counted(picture):
        with (tmp_path / "calls").open("a") as calls:
            calls.write(f"{picture.getpixel((0, 0))[0]}\n")
        return to_tensor(picture)

    list(read_batches(images, counted, [range(5), range(5, 10)], workers=workers))
    assert sorted(map(int, (tmp_path / "calls").read_text().split())) == list(range(10))


@both
def test_a_transform_from_a_file_that_python_does_not_know_works(images, workers, tmp_path):
    path = tmp_path / "net.py"
    path.write_text("import torch\n\ndef transform(picture):\n    return torch.ones(1, 2, 2) * picture.width\n")
    spec = importlib.util.spec_from_file_location("not_in_sys_modules", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (batch,) = read_batches(images, module.transform, [[0, 1]], workers=workers)
    assert torch.equal(batch.inputs, torch.full((2, 1, 2, 2), 4.0))


@both
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_inputs_are_float32_without_gradients_whatever_the_transform_gives(images, workers, dtype):
    def transform(picture):
        return to_tensor(picture).to(dtype).requires_grad_()

    (batch,) = read_batches(images, transform, [[5]], workers=workers)
    assert batch.inputs.dtype == torch.float32
    assert not batch.inputs.requires_grad


@both
@pytest.mark.parametrize("batches", [[[0, 9]], [[0], [9]]], ids=["in a batch", "in two"])
def test_images_of_two_sizes_are_refused_with_both(images, workers, batches):
    Image.new("RGB", (7, 3)).save(images.root / images.paths[9])
    with pytest.raises(ImageFolderError) as error:
        list(read_batches(images, to_tensor, batches, workers=workers))
    assert str(error.value) == (
        "The network's transform makes (channel, height, width) = (3, 3, 4) of a/0.png but (3, 3, 7) of b/9.png. "
        "It must bring all images to one size: let it resize or crop them."
    )
    assert multiprocessing.active_children() == []


@both
def test_an_error_of_the_transform_names_the_image_and_ends_the_run(images, workers):
    def fussy(picture):
        if picture.getpixel((0, 0))[0] == 7:
            raise OSError("seven is not for me")
        return to_tensor(picture)

    batches = read_batches(images, fussy, [[0], [6, 7]], workers=workers)
    assert next(batches).indices == (0,)
    with pytest.raises(ModelError, match=r"b/7\.png: the network's transform failed with OSError: seven is not for me"):
        next(batches)
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(
    ("result", "found"),
    [
        (np.zeros((3, 2, 2)), "a ndarray"),
        (None, "a NoneType"),
        (torch.zeros(1, 3, 2, 2), r"a float32 tensor of shape \(1, 3, 2, 2\)"),
        (torch.zeros(3, 2, 2, dtype=torch.uint8), r"a uint8 tensor of shape \(3, 2, 2\)"),
        (torch.zeros(3, 2, 2).to_sparse(), r"a sparse float32 tensor of shape \(3, 2, 2\)"),
        (torch.zeros(3, 2, 2, device="meta"), r"a float32 tensor of shape \(3, 2, 2\) without values"),
    ],
)
def test_a_transform_must_give_a_float_tensor(result, found):
    with pytest.raises(ModelError, match=rf"cat\.png: the network's transform gave {found}\. Expected a transform"):
        apply_transform(lambda picture: result, Image.new("RGB", (2, 2)), "cat.png")


def test_whole_numbers_for_a_network_that_divides_itself_have_a_way_on():
    with pytest.raises(ModelError, match=r"divides by 255, end the transform with \.float\(\)"):
        apply_transform(lambda picture: torch.zeros(3, 2, 2, dtype=torch.uint8), Image.new("RGB", (2, 2)), "cat.png")


def test_an_input_is_a_plain_tensor_whatever_kind_the_transform_gives():
    class Own(torch.Tensor):
        pass

    inputs = apply_transform(lambda picture: torch.ones(3, 2, 2).as_subclass(Own), Image.new("RGB", (2, 2)), "cat.png")
    assert type(inputs) is torch.Tensor


def test_workers_use_one_thread_each(images):
    def threads(picture):
        return torch.full((1, 1, 1), float(torch.get_num_threads()))

    for batch in read_batches(images, threads, [[0], [1], [2]], workers=2):
        assert batch.inputs.item() == 1


def test_no_worker_outlives_a_reader_that_stops_early(images):
    for batch in read_batches(images, to_tensor, [[k] for k in range(10)], workers=2):
        assert batch.indices == (0,)
        assert len(multiprocessing.active_children()) == 2
        break
    assert multiprocessing.active_children() == []


def test_no_worker_outlives_an_error_of_the_reader(images):
    def consume():
        for batch in read_batches(images, to_tensor, [[k] for k in range(10)], workers=2):
            raise KeyError(batch.indices)

    with pytest.raises(KeyError):
        consume()
    assert multiprocessing.active_children() == []


def test_a_worker_that_is_killed_is_reported_in_a_sentence(images):
    def slow(picture):
        time.sleep(0.05)
        return to_tensor(picture)

    def kill_while_reading():
        for _ in read_batches(images, slow, [[k] for k in range(10)], workers=1):
            for child in multiprocessing.active_children():
                os.kill(child.pid, signal.SIGKILL)

    with pytest.raises(ImageFolderError, match="ended from outside, probably for want of memory"):
        kill_while_reading()


def test_a_worker_that_is_killed_while_the_program_is_elsewhere_is_reported_too(monkeypatch, capsys):
    def elsewhere(_path):
        raise RuntimeError("DataLoader worker (pid 5) is killed by signal: Terminated. ")

    monkeypatch.setattr(program, "check", elsewhere)
    assert program.main(["check", "some.h5"]) == 1
    assert "error: A process that reads images was ended from outside" in capsys.readouterr().err
    monkeypatch.setattr(program, "check", lambda _path: torch.zeros(2) @ torch.zeros(3))
    with pytest.raises(RuntimeError, match="size"):  # any other is our fault
        program.main(["check", "some.h5"])


def test_without_fork_images_are_decoded_here(images, monkeypatch):
    monkeypatch.setattr(multiprocessing, "get_all_start_methods", lambda: ["spawn"])
    (batch,) = read_batches(images, lambda picture: torch.full((1, 1, 1), float(os.getpid())), [[0]], workers=2)
    assert batch.inputs.double().item() == os.getpid()
    assert default_workers(10_000) == 0


def test_small_shared_memory_is_not_used(images, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=100))
    (batch,) = read_batches(images, to_tensor, [[1, 2]], workers=2)
    assert torch.equal(batch.inputs[:, 0, 0, 0], torch.tensor([1.0, 2.0]))
    assert not batch.inputs.is_shared()


@both
def test_reading_draws_no_random_numbers_of_the_caller(images, workers):
    before = torch.get_rng_state()
    list(read_batches(images, to_tensor, [[0], [1]], workers=workers))
    assert torch.equal(torch.get_rng_state(), before)


def test_default_workers_follow_the_cores_and_the_images(monkeypatch):
    def with_cores(n):
        monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(n)), raising=False)

    with_cores(4)
    assert [default_workers(n) for n in (0, 49, 120, 1000, 50_000)] == [0, 0, 2, 4, 4]
    with_cores(64)
    assert default_workers(50_000) == 8
    with_cores(1)
    assert default_workers(50_000) == 0


def test_pictures_are_opened_upright_for_the_transform(images):
    path = images.root / images.paths[0]
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (3, 4)).save(path, exif=exif)
    assert open_picture(path).size == (4, 3)
    (batch,) = read_batches(images, to_tensor, [[0]], workers=0)
    assert tuple(batch.inputs.shape) == (1, 3, 3, 4)
