"""Networks that are alive, and the comparison of the engine with the plain method."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from precompute.ablation.ablations import Ablation, each_unit
from precompute.ablation.capture import capture
from precompute.ablation.engine import Engine
from precompute.ablation.no_op import NoOpCheck
from precompute.ablation.plain import PlainAblater
from precompute.ablation.plan import plan_layer
from precompute.ablation.precision import Precision
from precompute.models import forward
from precompute.models.sites import find_site, list_sites


@dataclass
class Comparison:
    """What the engine got wrong, and whether the network gave it a chance to."""

    rows: int
    wrong: int
    flips: int
    rechecked: int
    log_prob_error: float
    no_op: NoOpCheck

    def check(self, *, flips=0.01, log_prob_error=1e-4):
        assert self.flips >= flips * self.rows, "too few predictions change for the comparison to mean anything"
        assert self.wrong == 0
        assert self.no_op.rows > 0
        assert self.no_op.flips == 0
        assert self.log_prob_error < log_prob_error
        # One row in a small test may be close by chance.
        assert self.rechecked <= max(1, 0.01 * self.rows)


def outputs_of(ablater, inputs, ablations, baseline):
    """Outputs of a whole sweep, (ablation, image, output); images that are not named keep the baseline's."""
    logits = baseline.repeat(len(ablations), 1, 1)
    for changed in ablater.sweep(inputs, ablations):
        logits[changed.ablation, changed.image] = changed.logits.cpu()
    return logits


def compare_sweeps(engine, inputs, ablations, *, batch_size=16):
    plain = PlainAblater(engine.plain.network, engine.plain.site, batch_size=batch_size)
    with torch.no_grad():
        baseline = forward.logits(plain.network, inputs).cpu()
    expected = outputs_of(plain, inputs, ablations, baseline)
    no_op = NoOpCheck(engine, engine.plain.site.n_units, baseline.argmax(1))
    logits = outputs_of(no_op, inputs, ablations, baseline)
    return Comparison(
        rows=len(ablations) * len(inputs),
        wrong=int((logits.argmax(2) != expected.argmax(2)).sum()),
        flips=int((expected.argmax(2) != baseline.argmax(1)).sum()),
        rechecked=engine.counts.rechecked,
        log_prob_error=(logits.log_softmax(2) - expected.log_softmax(2)).abs().max().item(),
        no_op=no_op,
    )


def make_engines(network, names, inputs, *, memory_bytes=2**28, precision=Precision.FLOAT32):
    sites = [find_site(list_sites(network, inputs[:2]), name) for name in names]
    program = capture(network, sites, inputs[:2])
    return {
        site.name: Engine(
            plan_layer(program, site.name),
            PlainAblater(network, site, batch_size=16),
            memory_bytes=memory_bytes,
            precision=precision,
        )
        for site in sites
    }


@torch.no_grad()
def make_alive(network, inputs):
    """Give batch norms the statistics of real batches, and every output of the network mean 0 and deviation 1."""
    network.eval()
    for name, parameter in network.named_parameters():
        if "layer_scale" in name:
            # ConvNeXt's blocks begin as good as absent.
            parameter.fill_(0.5)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        # Without it deep random networks are chaotic, and the plain method in float32 is itself off by 1e-3.
        norm.bias.fill_(1.0)
        norm.train()
    for _ in range(2):
        network(inputs)
    network.eval()
    last = network.get_submodule(
        [site.path for site in list_sites(network, inputs[:2]) if site.kind in ("Linear", "Conv2d")][-1]
    )
    outputs = network(inputs)
    deviation = outputs.std(0)
    scale = torch.where(deviation > 0, 1 / deviation, 1.0)
    last.weight.mul_(scale.view(-1, *(1 for _ in last.weight.shape[1:])))
    last.bias.mul_(scale)
    last.bias.sub_(network(inputs).mean(0))
    return network


def some_ablations(n_units, *, n=8, seed=0):
    """Single units, set to zero or to another value, and some units at once."""
    generator = torch.Generator().manual_seed(seed)
    units = torch.randperm(n_units, generator=generator)[:n].tolist()
    together = tuple(torch.randperm(n_units, generator=generator)[: max(1, n_units // 4)].tolist())
    singles = [ablation for ablation in each_unit([0.0] * n_units) if ablation.units[0] in units]
    means = [Ablation((unit,), (0.7,)) for unit in units[: n // 2]]
    return [*singles, *means, Ablation(together, (0.0,) * len(together))]


@pytest.fixture
def engines():
    return make_engines


@pytest.fixture
def compare():
    return compare_sweeps


@pytest.fixture(scope="session")
def alive():
    return make_alive


@pytest.fixture
def ablations_of():
    return some_ablations
