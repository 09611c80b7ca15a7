"""The long trials behind docs/reliability.md: damaged stores, killed runs and processes, full disks, writers, visitors.

``make campaign`` or ``python -m tests.campaign [NAME ...] [--trials N] [--seed N]``. One line a fault, then one line
that counts each outcome, also where Ctrl-C ends it; exit status 1 where a promise broke. What it has no right or no
means to do, such as mounting a small disk, or Ray where that is not installed, it skips and says so.
"""

import argparse
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.campaign.damaged_stores import stores
from tests.campaign.full_disk import disk
from tests.campaign.killed_runs import decoders, kills, parallel_kills, workers
from tests.campaign.load import load
from tests.campaign.ray_clusters import ray_disks, ray_drivers, ray_nodes, ray_workers
from tests.campaign.two_writers import drivers, words, writers

FIGURE, EVERY = "figure: ", 5
CAMPAIGNS: dict[str, tuple[Callable[[Path, random.Random, int], Iterator[str]], int]] = {
    "stores": (stores, 500),
    "kills": (kills, 40),
    "writers": (writers, 20),
    "drivers": (drivers, 10),
    "words": (words, 10),
    "disk": (disk, 20),
    "workers": (workers, 10),
    "decoders": (decoders, 10),
    "parallel-kills": (parallel_kills, 10),
    "ray-workers": (ray_workers, 10),
    "ray-nodes": (ray_nodes, 10),
    "ray-drivers": (ray_drivers, 10),
    "ray-disks": (ray_disks, 10),
    "load": (load, 400),
}
"""Each campaign, and how many trials it has; those of `load` are reruns."""


def carry_out(name: str, n_trials: int, seed: int) -> bool:
    """Carry out a campaign, print its faults and then its figures, also where it is stopped; say if all was well."""
    tally, stopped = Counter[str](), ""
    with tempfile.TemporaryDirectory() as place:
        try:
            for trial, ended in enumerate(CAMPAIGNS[name][0](Path(place), random.Random(seed), n_trials)):
                if ended.startswith(FIGURE):
                    print(f"{name}: {ended.removeprefix(FIGURE)}", flush=True)
                    continue
                fault = ended.startswith("fault")
                tally["faults" if fault else ended] += 1
                if fault:
                    print(f"{name} {trial}: {ended}", flush=True)
                elif trial % EVERY == EVERY - 1:
                    print(f"{name}: {trial + 1} of {n_trials}", file=sys.stderr, flush=True)
        except KeyboardInterrupt:
            stopped = f" (stopped; {n_trials} were asked for)"
    print(f"{name}: {'; '.join(f'{count} {ended}' for ended, count in tally.items())}{stopped}", flush=True)
    return not tally["faults"] and not stopped


def main() -> int:
    """Carry out the campaigns that are named, or all."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("campaigns", nargs="*", metavar="NAME", help=", ".join(CAMPAIGNS))
    parser.add_argument("--trials", type=int, help="of each campaign")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if unknown := set(options.campaigns) - CAMPAIGNS.keys():
        parser.error(f"there is no campaign {', '.join(sorted(unknown))}; there are {', '.join(CAMPAIGNS)}")
    well = [
        carry_out(name, options.trials or CAMPAIGNS[name][1], options.seed) for name in options.campaigns or CAMPAIGNS
    ]
    return int(not all(well))


if __name__ == "__main__":
    sys.exit(main())
