"""How long the script of the unit's page takes: ``python -m tests.benchmarks.page_script STORE.h5 LAYER``.

Time is that of the processor in the thread of the script, so other work on the machine hardly counts: it still slows
the caches down. The app runs without a browser, from the first line of ``app.py`` to the end of the collection of
garbage that Streamlit makes; what it then sends is not sent.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from cProfile import Profile
from pathlib import Path
from pstats import SortKey, Stats
from statistics import median

from streamlit.logger import set_log_level
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.testing.v1 import AppTest

from explorer.store_files import ROOT

N_UNITS, N_WARM = 20, 3
_LONGEST_S = 120


def main() -> None:
    """Measure, print; with ``--profile`` what takes the time."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.page_script", description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("layer")
    parser.add_argument("--profile", type=int, metavar="N", help="also print the N functions that take most of it")
    options = parser.parse_args()
    profile = Profile() if options.profile else None
    print(unit_script(options.store, options.layer, profile))
    if profile is not None:
        Stats(profile).sort_stats(SortKey.CUMULATIVE).print_stats(options.profile)


def unit_script(store: Path, layer: str, profile: Profile | None = None) -> str:
    """Measure the script over one unit after the other, and say the median and the span."""
    set_log_level("ERROR")  # it runs without a browser, which Streamlit would warn of
    sys.argv = ["app.py", "--store", str(store)]
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=_LONGEST_S).run()
    app.switch_page("explorer/views/unit.py")
    with timed_scripts(profile) as found:
        for unit in range(N_WARM + N_UNITS):
            app.query_params["layer"], app.query_params["unit"] = layer, str(unit)
            app.run()
            assert not app.exception
    taken = sorted(found[N_WARM:])
    return (
        f"the unit page's script by itself: {median(taken):.0f} ms of the processor "
        f"({taken[0]:.0f} to {taken[-1]:.0f}); {len(taken)} times"
    )


@contextmanager
def timed_scripts(profile: Profile | None) -> Iterator[list[float]]:
    """Gather the processor time of every run of a script, in ms."""
    run, found = ScriptRunner._run_script, []

    def timed(self: ScriptRunner, *given: object) -> None:
        started = time.thread_time()
        if profile is not None and len(found) >= N_WARM:
            profile.enable()
        try:
            run(self, *given)  # type: ignore[arg-type]
        finally:
            if profile is not None:
                profile.disable()
            found.append(1000 * (time.thread_time() - started))

    ScriptRunner._run_script = timed  # type: ignore[method-assign]
    try:
        yield found
    finally:
        ScriptRunner._run_script = run  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
