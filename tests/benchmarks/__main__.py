"""Print how much faster the engine is than the plain method on this machine: ``python -m tests.benchmarks``."""

import argparse
import os
import platform
import time
from pathlib import Path

import torch

from tests.benchmarks.cases import CASES, Case
from tests.benchmarks.measure import Result, captum_seconds, run_case
from tests.benchmarks.scaling import write_plot

HEAD = (
    "| network, layer, precision | plain, ms a row | engine, µs a row | ratio (lowest to highest) "
    "| without the unablated pass | goal | changed | again in float32 | again plainly |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help="networks to measure (all)")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--cpu-time", action="store_true", help="processor time: for one thread on a shared machine")
    parser.add_argument("--captum", action="store_true", help="measure Captum's LayerFeatureAblation too")
    parser.add_argument("--plot", metavar="FILE.png", help="plot cost against images, units and depth")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    clock = time.process_time if options.cpu_time else time.perf_counter
    print(machine(options.threads), HEAD, sep="\n\n")
    for case in CASES:
        if not options.names or case.network in options.names:
            print(line(case, run_case(case, clock)), flush=True)
    if options.captum:
        cost = captum_seconds(CASES[0], clock) * 1e3
        print(f"\nCaptum LayerFeatureAblation, {CASES[0].network} {CASES[0].layer}: {cost:.1f} ms a row")
    if options.plot:
        write_plot(options.plot, clock)


def line(case: Case, result: Result) -> str:
    """Return one row of the table."""
    low, high = result.spread
    counts = result.counts
    cells = [
        f"{case.network} `{case.layer}` {case.precision.value}",
        f"{result.plain * 1e3:.1f}",
        f"{result.engine * 1e6:.1f}",
        f"{_round(result.plain / result.engine)} ({_round(low)} to {_round(high)})",
        _round(result.plain / result.sweep),
        f"{case.goal:,}" if case.goal else "",
        *(f"{100 * part / counts.rows:.2f} %" for part in (counts.changed, counts.in_float32, counts.rechecked)),
    ]
    return f"| {' | '.join(cells)} |"


def _round(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}"


def machine(threads: int) -> str:
    """Return one sentence about the machine and the versions."""
    load = os.getloadavg()[0]
    return (
        f"{platform.machine()}, {_processor()}, {threads} thread(s) of {os.cpu_count()}, load {load:.1f} at the start, "
        f"Python {platform.python_version()}, torch {torch.__version__}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


if __name__ == "__main__":
    main()
