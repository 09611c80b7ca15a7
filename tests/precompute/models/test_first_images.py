"""What a network keeps of the first images that it is given, wherever it keeps it."""

import functools
import mmap
import os
import tempfile
import threading
from contextvars import ContextVar
from types import FunctionType, ModuleType, SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from precompute.errors import ModelError
from precompute.models.first_images import State
from precompute.models.kept import _is_of_file
from precompute.models.load import load_model
from precompute.models.reach import reached
from precompute.models.trust import trusted
from tests import hostile

IMAGES = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
SCALE = None
SETTINGS = ModuleType("settings")


class Scaled(hostile.Tiny):
    """Divides by the deviation of the first batch, which `known` keeps and `keep` sets."""

    def pooled(self, x):
        y = super().pooled(x)
        if self.known() is None:
            self.keep(y.std().detach())
        return y / self.known()


class InGlobal(Scaled):
    def known(self):
        return SCALE

    def keep(self, scale):
        global SCALE
        SCALE = scale


class InOtherFile(Scaled):
    def known(self):
        return getattr(SETTINGS, "scale", None)

    def keep(self, scale):
        SETTINGS.scale = scale


class InClass(Scaled):
    scale = None

    def known(self):
        return self.scale

    def keep(self, scale):
        type(self).scale = scale


class InFunction(Scaled):
    def known(self, held={}):  # noqa: B006  the fault that is looked for
        return held.get("scale")

    def keep(self, scale):
        self.known.__func__.__defaults__[0]["scale"] = scale


class InHelper(Scaled):
    def __init__(self):
        super().__init__()
        self.helpers = {"scale": (SimpleNamespace(value=None),)}

    def known(self):
        return self.helpers["scale"][0].value

    def keep(self, scale):
        self.helpers["scale"][0].value = scale


class InEmptyHelper(Scaled):
    def __init__(self):
        super().__init__()
        self.helper = SimpleNamespace()

    def known(self):
        return getattr(self.helper, "value", None)

    def keep(self, scale):
        self.helper.value = scale


LOCAL = threading.local()


class InThread(Scaled):
    def known(self):
        return getattr(LOCAL, "scale", None)

    def keep(self, scale):
        LOCAL.scale = scale


class OnWeight(Scaled):
    def known(self):
        return getattr(self.fc.weight, "scale", None)

    def keep(self, scale):
        self.fc.weight.scale = scale


class Slot:
    __slots__ = ("value",)


class InSlot(Scaled):
    def __init__(self):
        super().__init__()
        self.slot = Slot()

    def known(self):
        return getattr(self.slot, "value", None)

    def keep(self, scale):
        self.slot.value = scale


class InClosure(Scaled):
    def __init__(self):
        super().__init__()
        held = None

        def keep(scale):
            nonlocal held
            held = scale

        self.known, self.keep = lambda: held, keep


class InArray(Scaled):
    def __init__(self):
        super().__init__()
        self.array = np.full(1, np.nan)

    def known(self):
        return None if np.isnan(self.array[0]) else torch.tensor(self.array[0]).float()

    def keep(self, scale):
        self.array[0] = scale


class InUnregisteredModule(Scaled):
    def __init__(self):
        super().__init__()
        self.parts = [nn.BatchNorm1d(1)]

    def known(self):
        return self.parts[0].running_var if self.parts[0].num_batches_tracked else None

    def keep(self, scale):
        self.parts[0].running_var.fill_(scale)
        self.parts[0].num_batches_tracked += 1


@functools.cache
def deviation_of(network):
    return network.last.std().detach()


class InCache(Scaled):
    """The answer of a cached function stays what the first images made it."""

    def pooled(self, x):
        self.last = hostile.Tiny.pooled(self, x)
        return self.last / self.deviation()

    def deviation(self):
        return deviation_of(self)


class InHook(hostile.Tiny):
    """A hook keeps the first batch's deviation in a list around it."""

    def __init__(self):
        super().__init__()
        held = []

        def divide(_module, _inputs, output):
            held.append(output.std().detach())
            return output / held[0]

        self.conv1.register_forward_hook(divide)


CONTEXT = ContextVar("scale")


class InContext(Scaled):
    def __init__(self):
        super().__init__()
        CONTEXT.set(None)

    def known(self):
        return CONTEXT.get(None)

    def keep(self, scale):
        CONTEXT.set(scale)


class InEnvironment(Scaled):
    def known(self):
        return torch.tensor(float(os.environ["SCALE"])) if "SCALE" in os.environ else None

    def keep(self, scale):
        os.environ["SCALE"] = str(float(scale))


class InTable(Scaled):
    """A table of many pairs holds one list too."""

    def __init__(self):
        super().__init__()
        self.table = [*((f"{i}.png", i) for i in range(20_000)), []]

    def known(self):
        return self.table[-1][0] if self.table[-1] else None

    def keep(self, scale):
        self.table[-1].append(scale)


class InFileArray(InArray):
    """The memory of the array is a file's."""

    def __init__(self):
        super().__init__()
        self.file = tempfile.TemporaryFile()  # noqa: SIM115  as long as the array
        self.file.write(np.full(1, np.nan).tobytes())
        self.array = np.asarray(np.memmap(self.file, np.float64, "r+", shape=1))


KEEPING = {
    InContext: "a context variable",
    InEnvironment: "the environment variables",
    InTable: "the network itself",
    InFileArray: "the network itself",
    InGlobal: "the global variables of .*test_first_images.py",
    InOtherFile: "the global variables of settings",
    InClass: "the class InClass",
    InFunction: "the function InFunction.known",
    InHelper: "the network itself",
    InEmptyHelper: "the network itself",
    InThread: "the global variables of .*test_first_images.py",
    OnWeight: "fc",
    InSlot: "the network itself",
    InClosure: "the function InClosure.__init__.<locals>",
    InArray: "the network itself",
    InUnregisteredModule: "the network itself",
    InCache: "the network itself",
    InHook: "the function InHook.__init__.<locals>.divide",
}


@pytest.fixture(autouse=True)
def nothing_kept():
    yield
    globals()["SCALE"] = None
    vars(SETTINGS).pop("scale", None)
    vars(LOCAL).clear()
    InClass.scale = None
    os.environ.pop("SCALE", None)
    InFunction.known.__defaults__[0].clear()


@pytest.mark.parametrize("kind", KEEPING, ids=lambda kind: kind.__name__)
def test_what_is_kept_of_the_first_images_is_found_wherever_it_is(kind):
    said = f"keeps something of the first images that it is given, in .*{KEEPING[kind]}.*: where others come first"
    with pytest.raises(ModelError, match=said):
        trusted(kind().eval(), IMAGES, list("abcd"))


def test_a_context_variable_that_was_not_set_before_is_found_too():
    class Unset(InContext):
        def __init__(self):
            super().__init__()
            self.variable = ContextVar("unset")

        def known(self):
            return self.variable.get(None)

        def keep(self, scale):
            self.variable.set(scale)

    with pytest.raises(ModelError, match="in a context variable"):
        trusted(Unset().eval(), IMAGES, list("abcd"))


CALLS = []


@functools.lru_cache(maxsize=8)
def ramp(n):
    return torch.linspace(1, 2, n)


class KeepsSizes(hostile.Tiny):
    """Keeps grids by their size in its class, counts its calls in a list of the file, and reads what hooks keep."""

    grids: ClassVar = {}

    def __init__(self):
        super().__init__()
        held = SimpleNamespace()
        self.conv1.register_forward_hook(lambda _module, _inputs, output: setattr(held, "output", output))
        self.held = held

    def maps(self, x):
        CALLS.append(len(x))
        y = super().maps(x) + self.held.output.mean() * 0
        grid = ramp(y.shape[-1]) * self.grids.setdefault(y.shape[-1], torch.linspace(0.5, 1.5, y.shape[-1]))
        return y * grid


def test_what_depends_on_no_image_may_be_kept_anywhere_and_stays():
    assert trusted(KeepsSizes().eval(), IMAGES, list("abcd")).conditions == ()
    assert KeepsSizes.grids
    assert CALLS


@functools.lru_cache
def projection():
    return nn.Linear(6, 6)


class Projects(hostile.Tiny):
    """Has a layer in a cache, which was given its weights before the first image."""

    def __init__(self):
        super().__init__()
        projection.cache_clear()
        nn.init.eye_(projection().weight)

    def pooled(self, x):
        return projection()(super().pooled(x))


class Refusing(list):
    """Takes one entry at a time, and does not like to be looked at."""

    def extend(self, rows):
        raise NotImplementedError

    def __iter__(self):
        raise NotImplementedError


class Loading:
    """Stands for an object that it loads as soon as somebody asks for it."""

    @property
    def __class__(self):
        pytest.fail("it was loaded")

    def __getattr__(self, name):
        pytest.fail("it was loaded")


class Odd(hostile.Tiny):
    """Holds objects that refuse to be looked at, and a list that its first image makes longer."""

    def __init__(self):
        super().__init__()
        self.lazy, self.sizes = [Loading()], Refusing()
        list.append(self.sizes, 7)

    def pooled(self, x):
        if len(self.sizes) == 1:
            list.append(self.sizes, 8)
        return super().pooled(x) * self.sizes[0] / 7


def test_a_cache_that_was_filled_before_the_first_image_stays_as_it_is():
    network = Projects().eval()
    before = network(IMAGES)
    trusted(network, IMAGES, list("abcd"))
    assert torch.equal(network(IMAGES), before)


def test_objects_that_refuse_to_be_looked_at_are_left_as_they_are():
    network = Odd().eval()
    before = network(IMAGES)
    trusted(network, IMAGES, list("abcd"))
    assert torch.equal(network(IMAGES), before)


def test_the_code_of_libraries_is_not_looked_into():
    network = load_model("timm:test_vit", "none").network
    objects = [found for _, found in reached(network)]
    assert any(found is network.blocks[1].attn for found in objects)
    assert not any(isinstance(found, (type, FunctionType, ModuleType)) for found in objects)


def test_every_kind_of_place_is_put_back():
    for kind in KEEPING:
        network = kind().eval()
        before = State.of(network)
        first = network(IMAGES)
        network(IMAGES * 3)
        assert before.changed(), kind
        before.restore()
        assert not torch.allclose(first, network(IMAGES * 3), rtol=0.05), kind
        before.restore()
        assert torch.equal(first, network(IMAGES)), kind


def test_only_arrays_of_files_are_told_to_be_of_files():
    assert not _is_of_file(np.frombuffer(bytearray(8), np.uint8)[2:])
    assert not _is_of_file(np.asarray(memoryview(bytearray(8))))
    with tempfile.TemporaryFile() as file:
        file.write(bytes(64))
        file.flush()
        assert _is_of_file(np.frombuffer(mmap.mmap(file.fileno(), 64), np.uint8)[2:])
        assert _is_of_file(np.asarray(np.memmap(file, np.uint8, "r")))
