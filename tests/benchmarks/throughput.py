"""Print how near the engine comes to what a device multiplies at all: ``python -m tests.benchmarks.throughput``.

Images are random and already on the device: several shards of the same ones, as large as asked for. As in a run, one
pass without ablation comes first, is timed by itself, and the sweep goes on from the layer's output.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from unittest.mock import patch

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from precompute.ablation.ablations import Ablation, each_unit
from precompute.ablation.block import Block, run_block
from precompute.ablation.engine import Engine
from precompute.ablation.factory import make_ablaters
from precompute.ablation.precision import Precision
from precompute.ablation.suffix import Rows
from precompute.ablation.sweep_stats import SweepStats
from precompute.models.device import exact_float32, pick_device
from precompute.models.sites import find_site, list_sites
from precompute.provenance import device_name
from precompute.stages.ablation import sweep
from precompute.stages.activations import Answer, answer
from tests.benchmarks.cases import Case, build, pictures

HEAD = (
    "| precision | unchanged rows | unablated pass, s | sweep, s | rows computed | TFLOP | TFLOP/s "
    "| of the matrix product's | again in float32 | again plainly |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)

_GPUS = ("cuda", "mps")


@dataclass(frozen=True)
class Job:
    """What is swept how often.

    Parameters
    ----------
    engine
        Of the layer, in one precision.
    images
        One shard, on the network's device.
    ablations
        All units of the layer.
    n_shards
        How many times the shard is swept.
    """

    engine: Engine
    images: Tensor
    ablations: list[Ablation]
    n_shards: int


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.throughput", description=__doc__)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--network", default="alexnet", help="a torchvision name (%(default)s)")
    parser.add_argument("--layer", default="features.11", help="(%(default)s)")
    parser.add_argument("--images", type=int, default=50_000, metavar="N", help="images in all (%(default)s)")
    parser.add_argument("--shard-size", type=int, default=1024, metavar="N", help="of one shard (%(default)s)")
    parser.add_argument("--precision", action="append", choices=[p.value for p in Precision], help="repeatable (all)")
    options = parser.parse_args()
    device = pick_device(options.device)
    print(f"{device_name(device)}, torch {torch.__version__}", HEAD, sep="\n\n")
    with torch.no_grad(), exact_float32():
        images = pictures(options.shard_size, Case(options.network, options.layer, None, 0, 0).size)
        network = build(options.network, images[:32]).to(device)
        for precision in map(Precision, options.precision or [p.value for p in Precision]):
            site = find_site(list_sites(network, images[:2]), options.layer)
            engine, reason = make_ablaters(network, [site], images[:2], batch_size=256, precision=precision)[site]
            if not isinstance(engine, Engine):
                raise SystemExit(f"{options.network} takes the plain method: {reason}.")
            n_shards = ceil(options.images / len(images))
            job = Job(engine, images.to(device), each_unit([0.0] * site.n_units), n_shards)
            rate = product_rate(device, precision)
            for skip in (False, True):
                print(line(job, skip=skip, rate=rate), flush=True)


def product_rate(device: torch.device, precision: Precision) -> float:
    """Return the floating-point operations a second of one large matrix product."""
    size = 8192 if device.type in _GPUS else 2048
    a, b = (torch.randn(size, size, device=device, dtype=precision.dtype) for _ in range(2))
    with precision.matrix_products():
        seconds = [_seconds(device, lambda: a @ b) for _ in range(13)][3:]
    return 2 * size**3 / min(seconds)


def line(job: Job, *, skip: bool, rate: float) -> str:
    """Sweep, and return one row of the table."""
    engine, device = job.engine, job.images.device
    with _every_row(not skip):
        network, site = engine.plain.network, engine.plain.site

        def before() -> Answer:
            return answer(network, [site], job.images.split(engine.plain.batch_size), keep=[site])

        def once() -> None:
            outputs, at_layer = found.logits, found.outputs[site]
            target = outputs.argmax(1)
            sweep(engine, job.images, job.ablations, baseline=outputs, target=target, at_layer=at_layer)

        found = before()
        once()  # the first of a size is slow
        engine.counts = SweepStats()
        unablated = _seconds(device, lambda: [before() for _ in range(job.n_shards)])
        seconds = _seconds(device, lambda: [once() for _ in range(job.n_shards)])
    counts = engine.counts
    work = counts.changed * flop_a_row(job)
    shares = (part / counts.rows for part in (counts.in_float32, counts.rechecked))
    cells = [
        engine.precision.value,
        "skipped" if skip else "computed",
        f"{unablated:.2f}",
        f"{seconds:.2f}",
        f"{counts.changed:,} of {counts.rows:,}",
        f"{work / 1e12:.1f}",
        f"{work / seconds / 1e12:.2f}",
        f"{100 * work / seconds / rate:.0f} % of {rate / 1e12:.2f}",
        *(f"{100 * share:.3f} %" for share in shares),
    ]
    return f"| {' | '.join(cells)} |"


def flop_a_row(job: Job) -> float:
    """Return the floating-point operations of a changed row after units have mixed, in float32."""
    executor = job.engine.by_unit
    base = executor.unablated(job.images[:8])
    block = run_block(executor.plan, base, job.ablations[:8])
    rows = Rows.changed(block)
    with FlopCounterMode(display=False) as counter:
        executor.suffix.run(base, block, rows)
    return counter.get_total_flops() / len(rows)


@contextmanager
def _every_row(wanted: bool) -> Iterator[None]:
    def all_rows(block: Block) -> Tensor:
        some = next(iter(block.change.values()))
        return torch.ones(some.shape[1], some.shape[0], dtype=torch.bool, device=some.device)

    with patch.object(Block, "changed", all_rows if wanted else Block.changed):
        yield


def _seconds(device: torch.device, work: Callable[[], object]) -> float:
    _wait(device)
    start = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    if device.type in _GPUS:
        getattr(torch, device.type).synchronize()


if __name__ == "__main__":
    main()
