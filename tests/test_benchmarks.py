"""The benchmark commands print whole tables; what the figures are decides nothing."""

import re
import sys

import pytest

from tests.benchmarks import __main__ as ratios
from tests.benchmarks import throughput
from tests.benchmarks.page_script import N_UNITS, N_WARM, unit_script
from tests.factory import Recipe, make_store


@pytest.fixture
def table(monkeypatch, capsys):
    """Runs a command and returns the rows of its table, each a dict by column."""

    def of(main, words):
        monkeypatch.setattr(sys, "argv", ["benchmark", *words.split()])
        main()
        lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
        head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
        return [dict(zip(head, row, strict=True)) for row in rows]

    return of


@pytest.mark.long
def test_ratios_of_every_layer_of_the_demo_network(table):
    rows = table(ratios.main, "demo --threads 1")
    layers = [f"demo `features.{i}` float32" for i in (1, 3, 6, 8, 10)]
    assert [row["network, layer, precision"] for row in rows] == layers
    for row in rows:
        assert float(row["plain, ms a row"]) > 0
        assert float(row["without the unablated pass"]) > 0


JOB = "--device cpu --network demo --layer features.10 --images 16 --shard-size 8 --precision float32"


def test_throughput_with_and_without_the_rows_that_do_not_change(table):
    computed, skipped = table(throughput.main, JOB)
    assert [computed["unchanged rows"], skipped["unchanged rows"]] == ["computed", "skipped"]
    assert computed["rows computed"] == f"{16 * 48} of {16 * 48}"
    n_rows, of_all = map(int, skipped["rows computed"].split(" of "))
    assert n_rows < of_all == 16 * 48


def test_throughput_of_another_device(device, table, monkeypatch):
    monkeypatch.setattr(throughput, "pick_device", lambda _: device)
    computed, skipped = table(throughput.main, JOB)
    assert computed["rows computed"] == f"{16 * 48} of {16 * 48}"
    assert 0 < int(skipped["rows computed"].split(" of ")[0]) < 16 * 48


def test_the_script_of_the_units_page_is_timed_over_one_unit_after_the_other(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", [])
    store = make_store(tmp_path / "store.h5", Recipe(per_class=3, layers=(("layer4", N_UNITS + N_WARM, (3, 3)),), k=2))
    said = unit_script(store, "layer4")
    median, least, most = map(
        int, re.search(r": (\d+) ms of the processor \((\d+) to (\d+)\); 20 times", said).groups()
    )
    assert 0 < least <= median <= most
