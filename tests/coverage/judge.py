"""One network before the judge: where the product says units are, what it predicts without them, and what is true."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from precompute.ablation.ablations import Ablater, Ablation
from precompute.ablation.capture import CannotCapture, capture
from precompute.ablation.engine import Engine
from precompute.ablation.factory import make_ablaters
from precompute.ablation.plain import PlainAblater
from precompute.ablation.plan import plan_layer
from precompute.errors import UnitscopeError
from precompute.models.sites import RefusedCall, Site, survey_sites
from precompute.stages.activations import answer
from tests.coverage.layouts import Call, layouts_of
from tests.coverage.networks import N_OUTPUTS, Network
from tests.coverage.plain import outputs_of, outputs_with, pictures, silenced, wake

N_IMAGES = 5
# So few layers of a network are a quick look, with fewer ablations.
FEW = 3
_BATCH = 8
_MEMORY = 2**28
# Of the largest output: what float32 explains in a deep network whose sums are taken in another order.
ROUNDING = 1e-4

NOT_ASKED = "the engine was not asked, to save time (--plain)"


@dataclass
class Audited:
    """One layer's predictions, held against the judge's own.

    Parameters
    ----------
    way
        "engine", or why it is the plain method.
    rows
        Pairs of an image and an ablation.
    flips
        Rows whose prediction changes.
    wrong
        Rows whose prediction is not the judge's, its two highest outputs lying further apart than rounding.
    error, effect, rounding
        The largest difference of an output from the judge's; the largest that silencing makes; and what rounding
        explains.
    fault
        What else is wrong: with the layer's activations, or a sweep that stops; empty where nothing is.
    """

    layer: str
    kind: str
    layout: str
    way: str
    rows: int
    flips: int
    wrong: int
    error: float
    effect: float
    rounding: float
    fault: str

    @property
    def is_right(self) -> bool:
        """Whether predictions, outputs and activations are the judge's."""
        return self.wrong == 0 and self.error <= self.rounding and not self.fault

    @property
    def is_blind(self) -> bool:
        """Whether a wrong unit could hardly have been told from rounding."""
        return self.effect < 10 * self.rounding


@dataclass
class Verdict:
    """What came of one network.

    Parameters
    ----------
    dimensions
        Sites by the dimension of their units and how their positions are arranged.
    refused
        Refused calls by their reason.
    known
        Sites whose layout the judge knows.
    contradictions
        Sites whose dimension or positions are not the documented ones, each with a sentence.
    overcautious
        Refused calls whose units lie on one dimension all the same, by the judge's knowledge.
    failure
        Why nothing could be looked at; empty where something could.
    """

    library: str
    family: str
    name: str
    size: int
    dimensions: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    known: int = 0
    contradictions: list[str] = field(default_factory=list)
    overcautious: list[str] = field(default_factory=list)
    audited: list[Audited] = field(default_factory=list)
    failure: str = ""
    seconds: float = 0.0

    @property
    def is_right(self) -> bool:
        """Whether nothing contradicts the judge; a refusal in the product's own words is right."""
        return not self.contradictions and all(each.is_right for each in self.audited) and not self.crashed

    @property
    def crashed(self) -> bool:
        """Whether it failed otherwise than by a refusal."""
        return self.failure.startswith("crash")


def judge(of: Network, *, most: int = 6, engine: bool = True) -> Verdict:
    """Judge one network.

    Parameters
    ----------
    most
        Layers to audit at most.
    engine
        Whether to ask for the engine, as a run does; to write a deep network down for it takes longer than the rest.
    """
    verdict, start = Verdict(of.library, of.family, of.name, of.size), time.perf_counter()
    try:
        _judge(of, verdict, most, engine)
    except UnitscopeError as error:
        verdict.failure = str(error)
    except Exception as error:  # whatever it is, it is a row of the table
        verdict.failure = f"crash: {type(error).__name__}: {error}".splitlines()[0]
    verdict.seconds = round(time.perf_counter() - start, 1)
    return verdict


def _judge(of: Network, verdict: Verdict, most: int, engine: bool) -> None:
    network, images = of.build(), pictures(N_IMAGES, of.size)
    wake(network, images, N_OUTPUTS)
    known = layouts_of(network, images[:2], of)
    found = survey_sites(network, images[:2])
    verdict.dimensions = dict(Counter(_place(site) for site in found.sites))
    verdict.refused = dict(Counter(each.reason for each in found.refused))
    verdict.known = sum(known[site.name].layout is not None for site in found.sites)
    verdict.contradictions = [text for site in found.sites for text in contradictions(site, known[site.name])]
    verdict.overcautious = [each.name for each in found.refused if _has_units(each, known)]
    chosen = choose(network, found.sites, known, most)
    bench = _Bench(network, images, *outputs_of(network, images, [site.name for site in chosen]), few=most <= FEW)
    for site, ablater, way in ablaters(network, chosen, images) if engine else _plain(network, chosen):
        verdict.audited.append(_audit(bench, site, known[site.name], ablater, way))


def _place(site: Site) -> str:
    if site.positions == "none":
        return "no positions"
    return f"{'first' if site.unit_dimension == 1 else 'last'}, {site.positions}"


def _has_units(refused: RefusedCall, known: dict[str, Call]) -> bool:
    call = known.get(refused.name)
    return call is not None and call.dimension is not None and call.positions != "other"


def contradictions(site: Site, known: Call) -> list[str]:
    """Say where a site is not what the documented layout of its module says."""
    if known.layout is None:
        return []
    about = f"{site.name} ({known.kind}, {'×'.join(map(str, known.shape))})"
    if known.dimension is None:
        return [f"{about} has no one dimension of units, and is listed with them on {site.unit_dimension}"]
    found = site.unit_dimension % len(known.shape)
    if found != known.dimension or site.n_units != known.shape[known.dimension]:
        return [f"{about} has its units on {known.dimension}, and is listed with {site.n_units} of them on {found}"]
    if known.positions == "other" and site.positions != "none":
        return [f"{about} has its positions in another order than the picture, and is listed with a {site.positions}"]
    if known.positions not in (None, "other", site.positions):
        return [f"{about} has {known.positions} for positions, and is listed with {site.positions}"]
    return []


def choose(network: nn.Module, sites: Sequence[Site], known: dict[str, Call], most: int) -> list[Site]:
    """Choose sites of every kind and layout, the first kind's early, the last kind's late, as far as `most` goes."""
    groups: dict[tuple[str, str], list[Site]] = {}
    for site in sites:
        call = known[site.name]
        if call.dimension is not None and site.n_units > 1 and site.name != sites[-1].name:
            groups.setdefault((_sort(network, site), call.layout or ""), []).append(site)
    # Rare layouts first where there are more groups than `most`: they are what goes wrong.
    order = sorted(groups, key=lambda key: (sum(layout == key[1] for _, layout in groups), key))[:most]
    chosen = {
        group[len(group) * (2 * i + 1) // (2 * len(order))] for i, group in enumerate(groups[key] for key in order)
    }
    everything = [site for group in groups.values() for site in group]
    for share in (0.1, 0.5, 0.9):
        if len(chosen) < 3 and everything:
            chosen.add(everything[int(share * len(everything))])
    return sorted(chosen, key=lambda site: site.order)


def _sort(network: nn.Module, site: Site) -> str:
    module = network.get_submodule(site.path)
    if next(module.children(), None) is not None:
        return "block"
    name = type(module).__name__
    return next((sort for sort in ("Norm", "Conv", "Linear") if sort in name), "pointwise")


def ablaters(network: nn.Module, sites: Sequence[Site], images: Tensor) -> list[tuple[Site, Ablater, str]]:
    """Return what sweeps each site, and "engine" or why it is the plain method; one capture serves all that it can."""
    try:
        program = capture(network, sites, images)
    except CannotCapture:
        program = None
    found = []
    for site in sites:
        plain = PlainAblater(network, site, batch_size=_BATCH)
        try:
            ablater: Any = Engine(plan_layer(program, site.name), plain, memory_bytes=_MEMORY) if program else None
        except CannotCapture:
            ablater = None
        found.append((site, ablater, "engine") if ablater else _alone(network, site, images))
    return found


def _plain(network: nn.Module, sites: Sequence[Site]) -> list[tuple[Site, Ablater, str]]:
    return [(site, PlainAblater(network, site, batch_size=_BATCH), NOT_ASKED) for site in sites]


def _alone(network: nn.Module, site: Site, images: Tensor) -> tuple[Site, Ablater, str]:
    ablater, why = make_ablaters(network, [site], images, batch_size=_BATCH, memory_bytes=_MEMORY)[site]
    return site, ablater, why or "engine"


@dataclass(frozen=True, eq=False)
class _Bench:
    """What layers of one network are audited on: images, what the layers make of them, and the answers."""

    network: nn.Module
    images: Tensor
    at_layer: dict[str, Tensor]
    unablated: Tensor
    few: bool


def _audit(bench: _Bench, site: Site, known: Call, ablater: Ablater, way: str) -> Audited:
    try:
        audited = _compare(bench, site, known, ablater, way)
    except (RuntimeError, LookupError, TypeError, UnitscopeError):
        audited = None
    if audited is not None and (audited.is_right or way != "engine"):
        return audited
    # By the very way that a run takes: it may see for itself that the engine will not do, and take the plain method.
    try:
        _, ablater, way = _alone(bench.network, site, bench.images)
        return _compare(bench, site, known, ablater, way)
    except Exception as error:  # a listed layer has to be swept
        fault = f"{type(error).__name__}: {error}".splitlines()[0]
        return Audited(site.name, known.kind, str(known.layout), way, 0, 0, 0, 0.0, 0.0, 0.0, fault)


def _compare(bench: _Bench, site: Site, known: Call, ablater: Ablater, way: str) -> Audited:
    assert known.dimension is not None
    output = bench.at_layer[site.name]
    ablations = _ablations(output.shape[known.dimension], few=bench.few)
    expected = torch.stack([_expected(bench, site, known.dimension, each) for each in ablations])
    found = bench.unablated.repeat(len(ablations), 1, 1)
    for changed in ablater.sweep(bench.images, ablations):
        found[changed.ablation, changed.image] = changed.logits.float()
    rounding = ROUNDING * expected.abs().max().item()
    differ = found.argmax(2) != expected.argmax(2)
    gap = expected.amax(2) - expected.gather(2, found.argmax(2, keepdim=True)).squeeze(2)
    return Audited(
        layer=site.name,
        kind=known.kind,
        layout=str(known.layout),
        way=way,
        rows=differ.numel(),
        flips=int((expected.argmax(2) != bench.unablated.argmax(1)).sum()),
        wrong=int((differ & (gap > rounding)).sum()),
        error=(found - expected).abs().max().item(),
        effect=(expected - bench.unablated).abs().max().item(),
        rounding=rounding,
        fault=_activations(bench, site, known.dimension),
    )


def _ablations(n_units: int, *, few: bool) -> list[Ablation]:
    """Units alone, one of them set to another value, and every fourth at once."""
    alone = [n_units // 2] if few else sorted({0, n_units // 2, n_units - 1})
    together = tuple(range(0, n_units, 4))
    return [
        *(Ablation((unit,), (0.0,)) for unit in alone),
        Ablation((n_units // 3,), (0.7,)),
        Ablation(together, (0.0,) * len(together)),
    ]


def _expected(bench: _Bench, site: Site, dimension: int, ablation: Ablation) -> Tensor:
    values = None if ablation.values is None else torch.tensor(ablation.values).view(-1, 1)
    units = list(ablation.units)
    return outputs_with(bench.network, bench.images, site.name, lambda made: silenced(made, dimension, units, values))


def _activations(bench: _Bench, site: Site, dimension: int) -> str:
    """Hold the maximum and the mean over the picture's positions against the judge's own."""
    output = bench.at_layer[site.name]
    found = answer(bench.network, [site], [bench.images]).responses[site]
    maps = output.float().movedim(dimension, 1)
    maps = maps.reshape(*maps.shape[:2], -1)[:, :, _before_the_picture(output) :]
    for name, of_unit, expected in (("maximum", found.max, maps.amax(2)), ("mean", found.mean, maps.mean(2))):
        error = (torch.from_numpy(of_unit).T - expected).abs().max().item()
        if not error <= ROUNDING * max(1e-6, maps.abs().max().item()):
            return f"its {name} is off by {error:.2g}"
    return ""


def _before_the_picture(output: Tensor) -> int:
    """Count class and register tokens: pictures are square here, so the others are a square number."""
    n_tokens = output.shape[1] if output.ndim == 3 else 1
    return next(n for n in range(n_tokens) if int((n_tokens - n) ** 0.5) ** 2 == n_tokens - n)
