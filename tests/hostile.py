"""Small networks that break one promise each, as people really bring them."""

import random
from collections import OrderedDict, defaultdict, deque, namedtuple
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Thread

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

N_CLASSES = 3


class Tiny(nn.Module):
    """Two convolutions, a mean over space, a linear layer: a fixed function that is what all others depart from."""

    def __init__(self, n_outputs: int = N_CLASSES) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.conv1, self.conv2 = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 6, 3, 2, 1)
        self.fc = nn.Linear(6, n_outputs)
        with torch.no_grad():
            self.fc.weight *= 20  # pictures must differ in what they are taken for

    def maps(self, x):
        return F.relu(self.conv2(F.relu(self.conv1(x))))

    def pooled(self, x):
        return self.maps(x).mean((2, 3))

    def forward(self, x):
        return self.fc(self.pooled(x))


# Not a fixed function


class FunctionalDropout(Tiny):
    def forward(self, x):
        return self.fc(F.dropout(self.pooled(x), 0.5))


class FaintNoise(Tiny):
    def forward(self, x):
        return super().forward(x) + 1e-4 * torch.randn(len(x), N_CLASSES)


class RandomPath(Tiny):
    def maps(self, x):
        y = self.conv2(F.relu(self.conv1(x)))
        return F.relu(y * 0.5 - 0.2 if random.random() < 0.5 else y)


class KeptDropout(Tiny):
    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.5)

    def pooled(self, x):
        return self.drop(super().pooled(x))

    def train(self, mode=True):
        super().train(mode)
        self.drop.training = True
        return self


class RareDropout(Tiny):
    """Drops one number in a thousand: most passes draw and change nothing."""

    def forward(self, x):
        return self.fc(F.dropout(self.pooled(x), 1e-3))


class RareDropoutModule(KeptDropout):
    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(1e-3)


class UnusedNoise(Tiny):
    """Draws random numbers that change nothing."""

    def forward(self, x):
        return super().forward(x) + 0 * torch.randn(N_CLASSES)


class OwnGenerator(Tiny):
    def __init__(self):
        super().__init__()
        self.random = random.Random(0)

    def forward(self, x):
        return super().forward(x) * self.random.uniform(0.5, 1.5)


class RunningMean(Tiny):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(6))

    def pooled(self, x):
        found = super().pooled(x)
        self.mean = 0.9 * self.mean + 0.1 * found.mean(0)
        return found - self.mean


class Counter(Tiny):
    calls = 0

    def forward(self, x):
        self.calls += 1
        return super().forward(x) + 0.1 * self.calls * torch.arange(3.0)


class Scale(nn.Module):
    """Divides by a scale that the first images set, as data-dependent initialisation does."""

    known = None

    def forward(self, x):
        if self.known is None:
            self.known = x.std().detach()
        return x / self.known


class StepSize(nn.Module):
    """Rounds to steps of a parameter that the first images set, as learned step sizes of quantisation are begun."""

    def __init__(self):
        super().__init__()
        self.step = nn.Parameter(torch.ones(()))
        self.register_buffer("begun", torch.zeros((), dtype=torch.bool))

    def forward(self, x):
        if not self.begun:
            self.step.data.copy_(x.abs().mean() / 2)
            self.begun.fill_(True)
        return (x / self.step).round() * self.step


class Codebook(nn.Module):
    """Keeps the first images' numbers in a dictionary, and takes the nearest of them for all others."""

    def __init__(self, held=dict):
        super().__init__()
        self.held = held()

    def forward(self, x):
        codes = self.held.setdefault("codes", x[:3].detach().clone())
        return codes[torch.cdist(x, codes).argmin(1)]


class Observer(nn.Module):
    """Rounds to steps of the range that it has seen so far, as quantisation that is still being calibrated does."""

    def __init__(self):
        super().__init__()
        self.register_buffer("highest", torch.zeros(()))

    def forward(self, x):
        self.highest = torch.maximum(self.highest, x.max())
        return (x / self.highest * 31).round() * self.highest / 31


class SetByFirst(Tiny):
    def __init__(self, kept):
        super().__init__()
        self.kept = kept

    def pooled(self, x):
        return self.kept(super().pooled(x))


class Calibrated(SetByFirst):
    """An observer that was left on after it had seen other images, of a smaller range."""

    def __init__(self):
        super().__init__(Observer())
        self.kept(torch.full((1, 6), 0.2))


class FirstMean(nn.Module):
    """Keeps the first images' mean in a queue, and takes it off all others."""

    def __init__(self):
        super().__init__()
        self.seen = deque(maxlen=3)

    def forward(self, x):
        if not self.seen:
            self.seen.append(x.mean(0).detach())
        return x - self.seen[0]


SET_BY_FIRST = [
    lambda: SetByFirst(Scale()),
    lambda: SetByFirst(StepSize()),
    lambda: SetByFirst(Codebook()),
    lambda: SetByFirst(Codebook(OrderedDict)),
    lambda: SetByFirst(Codebook(lambda: defaultdict(list))),
    lambda: SetByFirst(FirstMean()),
    Calibrated,
]
"""What makes networks whose module `kept` keeps something of the first images."""


class GridOfFirst(Tiny):
    """Keeps a grid of the size of the first images, and counts its passes; a hook of its own keeps a layer's output."""

    grid = None

    def __init__(self):
        super().__init__()
        self.passes, self.kept = [], {}
        self.conv1.register_forward_hook(lambda _module, _inputs, output: self.kept.update(conv1=output))

    def maps(self, x):
        self.passes.append(len(x))
        y = F.relu(self.conv2(self.conv1(x) * 0 + F.relu(self.kept["conv1"])))
        self.grid = torch.linspace(0.5, 1.5, y.shape[-1]) if self.grid is None else self.grid
        return y * self.grid


class WithNorm(Tiny):
    def __init__(self, **options):
        super().__init__()
        self.bn = nn.BatchNorm2d(6, **options)

    def maps(self, x):
        return F.relu(self.bn(self.conv2(F.relu(self.conv1(x)))))


class BatchStatistics(WithNorm):
    def __init__(self):
        super().__init__(track_running_stats=False)


class AlwaysTraining(WithNorm):
    def train(self, mode=True):
        return super().train(True)


class BatchMaximum(Tiny):
    def pooled(self, x):
        found = super().pooled(x)
        return found / found.max()


class BatchDeviation(Tiny):
    """Divides by the deviation over the batch, which is NaN for an image alone."""

    def pooled(self, x):
        found = super().pooled(x)
        return (found - found.mean(0)) / (found.std(0) + 1e-3)


class FaintLeak(Tiny):
    """A hundred-thousandth of the batch's mean: less than a dropped digit, and yet no rounding."""

    def pooled(self, x):
        found = super().pooled(x)
        return found + 3e-5 * found.mean(0, keepdim=True)


class FirstIsSpecial(Tiny):
    def forward(self, x):
        found = super().forward(x)
        return torch.cat([found[:1] * 2, found[1:]])


class NextNeighbour(Tiny):
    def pooled(self, x):
        found = super().pooled(x)
        return found + 0.1 * found.roll(1, 0)


CHANGING = {
    FunctionalDropout: r"draws random numbers, in the forward function of the network itself \(FunctionalDropout\)",
    FaintNoise: "draws random numbers",
    RandomPath: "draws random numbers",
    KeptDropout: r"draws random numbers, in drop \(Dropout in training mode\)",
    RareDropout: r"draws random numbers, in the forward function of the network itself \(RareDropout\)",
    RareDropoutModule: r"draws random numbers, in drop \(Dropout in training mode\)",
    OwnGenerator: "keeps something from one call to the next, or draws random numbers of its own",
    RunningMean: "keeps something from one call to the next",
    Counter: "keeps something from one call to the next",
    BatchStatistics: r"depends on the other images .* bn \(BatchNorm2d without running statistics\)",
    AlwaysTraining: r"depends on the other images .* bn \(BatchNorm2d in training mode\)",
    BatchMaximum: "depends on the other images",
    BatchDeviation: r"depends on the other images .* in that some are NaN or infinite in one case alone",
    FaintLeak: "depends on the other images",
    FirstIsSpecial: "depends on the other images",
    NextNeighbour: "depends on the other images",
}
"""Networks that are not a fixed function of the image, each with the words that name why."""


# Other shapes of output

Named = namedtuple("Named", ["logits", "aux_logits"])


@dataclass
class Found:
    logits: Tensor
    maps: Tensor


class Returns(Tiny):
    """Returns what a function makes of scores, features and maps."""

    def __init__(self, returned):
        super().__init__()
        self.returned = returned

    def forward(self, x):
        maps = self.maps(x)
        features = maps.mean((2, 3))
        return self.returned(self.fc(features), features, maps)


TAKEN = {
    "a dict with logits": lambda s, f, m: {"logits": s, "features": f},
    "an OrderedDict with out and aux": lambda s, f, m: OrderedDict(out=s, aux=2 * s),
    "a dict with one (image, output) tensor": lambda s, f, m: {"scores": s, "maps": m, "n": 3},
    "a tuple of scores and maps": lambda s, f, m: (s, m),
    "a tuple of maps and scores": lambda s, f, m: (m, s),
    "a list of scores": lambda s, f, m: [s],
    "a tuple of scores and the features that they are made of": lambda s, f, m: (s, f),
    "a named tuple": lambda s, f, m: Named(s, 2 * s),
    "a dataclass": lambda s, f, m: Found(s, m),
}
WITH_ONES = {
    "(image, output, 1, 1)": lambda s, f, m: s[:, :, None, None],
    "(image, 1, output)": lambda s, f, m: s[:, None],
    "(image, output, 1)": lambda s, f, m: s[:, :, None],
}
"""Tensors that are (image, output) but for dimensions of 1."""
AMBIGUOUS = {
    "two heads": lambda s, f, m: (s, 2 * s),
    "features before scores": lambda s, f, m: (f, s),
    "features that are cut off": lambda s, f, m: (s, f.detach()),
    "logits and out": lambda s, f, m: {"logits": s, "out": 2 * s},
    "two tensors of other names": lambda s, f, m: {"a": s, "b": 2 * s},
}


# Outputs that are not logits

KINDS = {
    "logits": (lambda s: s, "logits"),
    "log-probabilities": (lambda s: s.log_softmax(1), "logits"),
    "softmax": (lambda s: s.softmax(1), "log of probabilities"),
    "a mean of two softmaxes": (lambda s: (s.softmax(1) + (2 * s).softmax(1)) / 2, "log of probabilities"),
    "shares": (lambda s: s.exp() / s.exp().sum(1, keepdim=True), "log of probabilities"),
    "softmax of what is detached": (lambda s: s.detach().softmax(1), "log of probabilities"),
    "sigmoid": (lambda s: s.sigmoid(), "ends in a sigmoid"),
    "sigmoid of what is detached": (lambda s: s.sigmoid().detach(), "between 0 and 1"),
    "log-sigmoid": (lambda s: F.logsigmoid(s), "logarithm of a sigmoid"),
    "tanh": (lambda s: s.tanh(), "hyperbolic tangent"),
    "votes": (lambda s: F.one_hot(s.argmax(1), 3), "whole numbers"),
    "rounded scores": (lambda s: s.round(), "whole numbers"),
    "rounded probabilities": (lambda s: (s.softmax(1) * 10).round() / 10, "rounded|between 0 and 1"),
    "per cent": (lambda s: 100 * s.softmax(1), "add up to 100"),
}


# No gradient, or not the derivative


class FrozenStem(Tiny):
    def maps(self, x):
        with torch.no_grad():
            stem = F.relu(self.conv1(x))
        return F.relu(self.conv2(stem))


class Decorated(Tiny):
    @torch.no_grad()
    def forward(self, x):
        return super().forward(x)


class Inference(Tiny):
    def maps(self, x):
        with torch.inference_mode():
            stem = F.relu(self.conv1(x))
        return F.relu(self.conv2(stem))


class PartlyDetached(Tiny):
    def maps(self, x):
        found = self.conv1(x)
        return F.relu(self.conv2(F.relu(found) + found.detach()))


class Rounded(Tiny):
    def maps(self, x):
        return F.relu(self.conv2((10 * self.conv1(x)).round() / 10))


class StraightThrough(Tiny):
    def maps(self, x):
        found = self.conv1(x)
        return F.relu(self.conv2(found + (found.sign() - found).detach()))


NO_GRADIENT = {
    FrozenStem: "No gradient reaches the image",
    Decorated: "No gradient reaches the image",
    Inference: "No gradient reaches the image",
    PartlyDetached: "not the derivative",
    Rounded: "zero everywhere",
    StraightThrough: "not the derivative",
}
"""Networks of whose layer conv2 no attribution is right, with the words that say why."""


class FailsLater(Tiny):
    """Cannot be differentiated on bright pictures."""

    def maps(self, x):
        # In this order nobody can record it once for all pictures.
        if x[:, 2].mean() > x[:, 0].mean() and torch.is_grad_enabled():
            raise RuntimeError("too bright")
        return super().maps(x)


class Turns(Tiny):
    """A fixed function until it is armed; then every other call says the opposite."""

    armed = False
    calls = 0

    def forward(self, x):
        found = super().forward(x)
        if not Turns.armed:
            return found
        self.calls += 1
        return found if self.calls % 2 else -found


class DividesByUnit(Tiny):
    """Divides by unit 0 of conv2."""

    def forward(self, x):
        found = self.conv2(F.relu(self.conv1(x))).mean((2, 3))
        return self.fc(found) / found[:, :1]


class NaNOnBlue(Tiny):
    """Gives NaN for pictures that are more blue than red."""

    def forward(self, x):
        red, blue = x[:, 0].mean((1, 2)), x[:, 2].mean((1, 2))
        return super().forward(x) + torch.where(blue > red + 0.01, torch.nan, 0.0)[:, None]


class HurriesOnBlue(Tiny):
    """Halves the answers to all images of a batch that holds one that is more blue than red."""

    def forward(self, x):
        found = super().forward(x)
        red, blue = x[:, 0].mean((1, 2)), x[:, 2].mean((1, 2))
        return found / 2 if bool((blue > red + 0.01).any()) else found


class Grabs(Tiny):
    """Decides by what a hook of its own keeps of conv1, as classifiers over pretrained features do."""

    def __init__(self):
        super().__init__()
        self.kept = {}
        self.conv1.register_forward_hook(lambda _module, _inputs, output: self.kept.update(conv1=output))
        self.head = nn.Linear(8, N_CLASSES)
        with torch.no_grad():
            self.head.weight *= 20

    def forward(self, x):
        self.conv1(x)
        return self.head(F.relu(self.kept["conv1"]).mean((2, 3)))


class GrabsNothing(Grabs):
    """The same without a hook."""

    def forward(self, x):
        return self.head(F.relu(self.conv1(x)).mean((2, 3)))


class Shifts(Grabs):
    """Changes what conv1 returns by a hook of its own."""

    def __init__(self):
        super().__init__()
        self.conv1.register_forward_hook(lambda _module, _inputs, output: 2 * output + 0.1)

    def forward(self, x):
        return self.head(F.relu(self.conv1(x)).mean((2, 3)))


class ShiftsInForward(GrabsNothing):
    """The same in its forward function."""

    def forward(self, x):
        return self.head(F.relu(2 * self.conv1(x) + 0.1).mean((2, 3)))


class TurnsImages(Tiny):
    """Looks at the images of a batch in another order, and turns its answers back."""

    def __init__(self, order=lambda n: list(reversed(range(n)))):
        super().__init__()
        self.order = order

    def forward(self, x):
        order = self.order(len(x))
        back = [order.index(row) for row in range(len(x))]
        return super().forward(x[order])[back]


class Divides(Tiny):
    """Takes a large batch a few images at a time, as people do where memory is short."""

    def __init__(self, n: int = 10) -> None:
        super().__init__()
        self.n = n

    def forward(self, x):
        return torch.cat([super(Divides, self).forward(some) for some in x.split(self.n)])


class Unused(Tiny):
    """Calls a layer and answers without it."""

    def maps(self, x):
        self.conv2(F.relu(self.conv1(x)))
        return x.repeat(1, 2, 1, 1) * torch.arange(1.0, 7.0)[:, None, None]


class CountsItself(Tiny):
    """Counts its passes in a buffer, and answers the same every time."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))

    def forward(self, x):
        self.calls += 1
        return super().forward(x)


class CallsForward(Tiny):
    """Bypasses the calls of its layers, so that no hook sees them."""

    def maps(self, x):
        return F.relu(self.conv2.forward(F.relu(self.conv1.forward(x))))


class SharedBlocks(Tiny):
    """One module under two names."""

    def __init__(self):
        super().__init__()
        self.again = self.conv2


class ChunkedInPlace(Tiny):
    """It changes halves of its maps in place, which is allowed only while no gradients are recorded."""

    def maps(self, x):
        x = self.conv1(x)
        one, other = x.chunk(2, dim=1)
        one.relu_()
        other.mul_(0.5)
        return F.relu(self.conv2(x))


class SharesMemory(Tiny):
    """Its shortcut returns its input itself, which a ReLU in place then changes: the usual slip of pre-activation."""

    def __init__(self):
        super().__init__()
        self.shortcut, self.act, self.block = nn.Sequential(), nn.ReLU(inplace=True), nn.Conv2d(8, 8, 3, 1, 1)

    def maps(self, x):
        x = self.conv1(x)
        kept = self.shortcut(x)
        return F.relu(self.conv2(self.block(self.act(x)) + kept))


class Decides(Tiny):
    """Takes another way for each image by a number in it, so that it cannot be recorded once for all."""

    def forward(self, x):
        return torch.stack([self.fc(row) if row[0] > row[1] else -self.fc(row) for row in self.pooled(x)])


# What cannot be taken at all


class Forward(nn.Module):
    """A network of one layer with a forward function of its own."""

    def __init__(self, layer, forward):
        super().__init__()
        self.layer, self.function = layer, forward

    def forward(self, x):
        return self.function(self, x)


class TwoInputs(Tiny):
    def forward(self, x, mask):
        return super().forward(x) * mask


class Leaves(Tiny):
    def forward(self, x):
        raise SystemExit(0)


class GivesUp(Tiny):
    class Enough(BaseException):
        pass

    def forward(self, x):
        raise self.Enough("no more")


class FixedBatch(Tiny):
    def forward(self, x):
        return super().forward(x).reshape(-1, 2, 3).reshape(len(x), 3)


class Squeezed(Tiny):
    def forward(self, x):
        return super().forward(x).squeeze()


REFUSED = {
    "two inputs": (TwoInputs, "forward function needs x and mask"),
    "no forward": (lambda: nn.ModuleList([nn.Conv2d(3, 4, 3)]), "forward"),
    "ids of words": (
        lambda: Forward(nn.Embedding(10, 3), lambda self, x: self.layer(x).mean((1, 2, 3))),
        r"layer \(Embedding\), looks up whole numbers",
    ),
    "sound": (lambda: Forward(nn.Conv1d(3, 4, 3), lambda self, x: self.layer(x).mean(2)), "takes signals"),
    "clips": (lambda: Forward(nn.Conv3d(3, 4, 3), lambda self, x: self.layer(x).mean((2, 3))), "takes volumes"),
    "sequences": (lambda: Forward(nn.LSTM(3, 4), lambda self, x: self.layer(x)[0]), "takes sequences"),
    "four channels": (lambda: nn.Sequential(nn.Conv2d(4, 3, 3), nn.Flatten()), "0, takes 4 channels"),
    "sys.exit": (Leaves, "ends the program, by SystemExit"),
    "an exception that is not an Exception": (GivesUp, "ends the program, by Enough"),
    "scores for each pixel": (lambda: nn.Conv2d(3, 4, 3), r"returned a tensor of shape \(4, 4, 30, 30\)"),
    "nothing": (lambda: Forward(nn.ReLU(), lambda self, x: None), "NoneType"),
    "no output": (lambda: Tiny(0), "has no output"),
    "the number of a class": (
        lambda: Forward(Tiny(), lambda self, x: self.layer(x).argmax(1)),
        "leave out the arg-max",
    ),
    "one output": (lambda: Tiny(1), "binary"),
    "one number an image": (lambda: Forward(Tiny(1), lambda self, x: self.layer(x).flatten()), "binary|one number"),
    "NaN": (lambda: Forward(Tiny(), lambda self, x: self.layer(x) / 0 * 0), "NaN or infinite for 4 of 4 images, a.png"),
    "infinity": (lambda: Forward(Tiny(), lambda self, x: self.layer(x).exp() / 0), "NaN or infinite"),
    "a squeezed batch of one": (Squeezed, r"returns a tensor of shape \(3,\) .* squeeze\(\)"),
    "a fixed batch": (FixedBatch, "4 images together but not on one alone"),
    "masked classes": (
        lambda: Forward(Tiny(), lambda self, x: self.layer(x).index_fill(1, torch.tensor([2]), -torch.inf)),
        "Outputs 2 of the network are minus infinity for every image",
    ),
    "complex numbers": (lambda: Forward(Tiny(), lambda self, x: self.layer(x) * 1j), "complex"),
}
"""What makes each network, and the words that name why it cannot be taken."""


# Threads, and tensors of their own kinds


class InThread(Tiny):
    """All of it in another thread, where gradients are recorded whatever is said here."""

    def forward(self, x):
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(super().forward, x).result()


class ConvolvesInThread(Tiny):
    """A thread that tells nobody what went wrong in it."""

    def maps(self, x):
        made = []
        thread = Thread(target=lambda: made.append(self.conv2(F.relu(self.conv1(x)))))
        thread.start()
        thread.join()
        return F.relu(made[0])


class FailsInThread(ConvolvesInThread):
    def __init__(self):
        super().__init__()
        self.conv2 = nn.Conv2d(5, 6, 3)


class Padded(Tiny):
    """Its maps as a nested tensor, and back."""

    def pooled(self, x):
        nested = torch.nested.nested_tensor([each.flatten(1).mT for each in self.maps(x)])
        return torch.nested.to_padded_tensor(nested, 0.0).mean(1)


class Wrapped(Tensor):
    """A tensor that hands every operation to the one inside it."""

    @staticmethod
    def __new__(cls, inside):
        made = Tensor._make_wrapper_subclass(cls, inside.shape, dtype=inside.dtype, device=inside.device)
        made.inside = inside
        return made

    def __init__(self, inside):
        pass

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        args, kwargs = tree_map_only(cls, lambda each: each.inside, (args, kwargs or {}))
        return tree_map_only(Tensor, cls, func(*args, **kwargs))


class Wraps(Tiny):
    def maps(self, x):
        return F.relu(self.conv2(Wrapped(F.relu(self.conv1(x)))).inside)


class Sharpens(Tiny):
    """It adds a gradient of its own to the picture, and frees what its layer kept for that."""

    def forward(self, x):
        with torch.enable_grad():
            picture = x.detach().requires_grad_()
            (slope,) = torch.autograd.grad(self.conv2(F.relu(self.conv1(picture))).square().sum(), picture)
        return super().forward(x + 0.01 * slope)


class Slashed(Tiny):
    """A module whose name has a slash, as of a network that came from ONNX."""

    def __init__(self):
        super().__init__()
        self.add_module("block/conv", nn.Conv2d(6, 6, 1))

    def maps(self, x):
        return F.relu(self.get_submodule("block/conv")(super().maps(x)))


class Signals(nn.Module):
    """Convolutions along the rows of a picture, of which each row is a step."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.conv1, self.conv2, self.fc = nn.Conv1d(48, 8, 3, padding=1), nn.Conv1d(8, 6, 3, padding=1), nn.Linear(6, 3)

    def forward(self, x):
        steps = x.permute(0, 1, 3, 2).flatten(1, 2)
        return self.fc(F.relu(self.conv2(F.relu(self.conv1(steps)))).mean(2)) * 20
