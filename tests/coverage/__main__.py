"""Judge networks and write docs/coverage.md: ``python -m tests.coverage`` (``make coverage``)."""

import argparse
import sys
from pathlib import Path

import torch

from tests.coverage import records, table
from tests.coverage.judge import Verdict, judge
from tests.coverage.networks import Network, of_timm, of_torchvision

PAGE = Path("docs/coverage.md")


def main() -> int:
    """Read the options, judge, write; 1 where anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.coverage", description=__doc__)
    parser.add_argument("names", nargs="*", help="networks to judge, as resnet18 or timm:test_vit (all)")
    parser.add_argument("--families", action="store_true", help="one network a family, of torchvision too")
    parser.add_argument("--quick", action="store_true", help="audit three layers of each, not six")
    parser.add_argument("--plain", action="store_true", help="do not ask for the engine, which takes most of the time")
    parser.add_argument("--new", action="store_true", help="only networks that --results does not know")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--results", type=Path, default=Path(".cache/coverage.json"), help="where verdicts are kept")
    parser.add_argument("--page", type=Path, default=PAGE, help="the table to write")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    every = {_key(each): each for each in (*of_torchvision(), *of_timm())}
    verdicts = records.read(options.results)
    for key, network in every.items():
        if _wanted(key, network, options, verdicts):
            verdicts[key] = judge(network, most=3 if options.quick else 6, engine=not options.plain)
            records.write(options.results, verdicts)
            print(line(verdicts[key]), flush=True)
    known = records.in_order(verdicts, every)
    options.page.write_text(table.page(known), encoding="utf-8")
    print(table.summary(known))
    return int(any(not each.is_right for each in known))


def _key(network: Network) -> str:
    return f"{network.library}:{network.name}"


def _wanted(key: str, network: Network, options: argparse.Namespace, known: dict[str, Verdict]) -> bool:
    if options.names:
        return key.removeprefix("torchvision:") in options.names
    if options.families and not network.first_of_family:
        return False
    return not (options.new and key in known)


def line(verdict: Verdict) -> str:
    """Return one network's verdict as lines of text, with all that is wrong."""
    audited = verdict.audited
    lines = [
        f"{'right' if verdict.is_right else 'WRONG'} {verdict.library}:{verdict.name} {verdict.dimensions} "
        f"refused {sum(verdict.refused.values())} (overcautious {len(verdict.overcautious)}) known {verdict.known} "
        f"contradicted {len(verdict.contradictions)} audited {len(audited)} "
        f"engine {sum(each.way == 'engine' for each in audited)} rows {sum(each.rows for each in audited)} "
        f"flips {sum(each.flips for each in audited)} wrong {sum(each.wrong for each in audited)} "
        f"blind {sum(each.is_blind for each in audited)} {verdict.seconds} s"
    ]
    lines += [f"   failure: {verdict.failure}"] * bool(verdict.failure)
    lines += [f"   contradicted: {text}" for text in verdict.contradictions[:5]]
    lines += [
        f"   wrong: {each.layer} ({each.kind}, {each.layout}, {each.way}): {each.wrong} of {each.rows} rows, error "
        f"{each.error:.2g} where rounding explains {each.rounding:.2g} {each.fault}"
        for each in audited
        if not each.is_right
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
