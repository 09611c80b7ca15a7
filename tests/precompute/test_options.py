"""An option is written once, and everything that names it follows."""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from precompute.__main__ import main
from precompute.errors import OptionError
from precompute.experiments.options import ExperimentOptions
from precompute.option_fields import add_arguments, as_json_values, asked, option, options_of, refuse_wrong, rows
from precompute.options import RunOptions
from precompute.store.experiments import registry

RUN = ["run", "resnet18", "--layer", "layer4", "--out", "nowhere/store.h5"]


@dataclass(frozen=True, kw_only=True)
class Toy:
    """A few options."""

    name: str = option("who", written="NAME")
    sizes: tuple[int, ...] = option("how large", default=(3,), value="N", read=int, several=tuple, at_least=1)
    share: float = option("a part, 50 % at most", default=0.5, value="S", read=float, above=0, below=1)
    kind: str = option("which `kind`", default="a", value="K", choices=("a", "b"))
    loud: bool = option("say more", default=False)

    def __post_init__(self) -> None:
        refuse_wrong(self)


def parsed(*words):
    parser = argparse.ArgumentParser(prog="toy")
    add_arguments(parser, Toy)
    return asked(Toy, parser, parser.parse_args(words))


def test_a_field_is_an_option_of_the_command_line():
    assert parsed("x") == Toy(name="x")
    assert parsed("x", "--sizes", "1", "--sizes", "2", "--loud") == Toy(name="x", sizes=(1, 2), loud=True)
    assert parsed("--kind", "b", "x", "--share", "0.25") == Toy(name="x", kind="b", share=0.25)


def test_all_wrong_values_are_told_at_once():
    with pytest.raises(OptionError) as refused:
        parsed("x", "--sizes", "0", "--share", "1")
    assert str(refused.value).split("\n") == [
        "--sizes must be at least 1, but it is 0.",
        "--share must be more than 0 and less than 1, but it is 1.",
    ]


def test_what_cannot_be_read_is_told_with_the_rest_and_is_asked_wrongly(capsys):
    with pytest.raises(SystemExit) as ended:
        parsed("x", "--sizes", "many", "--share", "2", "--kind", "c")
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "--sizes must be a whole number, but it is many." in told
    assert "--share must be more than 0 and less than 1, but it is 2." in told
    assert "--kind must be one of a, b, but it is c." in told


def test_the_help_and_the_table_say_what_the_field_says():
    parser = argparse.ArgumentParser(prog="toy")
    add_arguments(parser, Toy)
    assert "a part, 50 % at most (0.5)" in parser.format_help()
    assert list(rows(Toy)) == [
        ("`--sizes N`", "3", "how large; repeatable"),
        ("`--share S`", "0.5", "a part, 50 % at most"),
        ("`--kind K`", "a", "which `kind`: `a` or `b`"),
        ("`--loud`", "", "say more"),
    ]


@pytest.mark.parametrize("kind", [RunOptions, ExperimentOptions])
def test_every_default_is_a_value_that_can_be(kind):
    given = {"model": "m", "layers": ("l",), "out": Path("s.h5")} if kind is RunOptions else {}
    assert json.loads(json.dumps(as_json_values(kind(**given)))) == as_json_values(kind(**given))
    assert len({said.written for said in options_of(kind).values()}) == len(options_of(kind))


def test_a_run_tells_every_wrong_option(capsys):
    assert main([*RUN, "--top-k", "0", "--limit", "-3", "--background", "plaid", "--white", "0"]) == 1
    told = capsys.readouterr().err.splitlines()
    assert [line.removeprefix("error: ").split()[0] for line in told] == [
        "--top-k",
        "--limit",
        "--background",
        "--white",
    ]


@pytest.mark.parametrize("name", registry.NAMES)
def test_an_experiment_has_a_help_of_its_own(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["experiment", name, "--help"])
    assert ended.value.code == 0
    told = " ".join(capsys.readouterr().out.split())
    spec = registry.spec_of(name)
    assert spec.title in told
    for field, said in options_of(ExperimentOptions).items():
        assert (f"[{f'{said.written} {said.value}'.strip()}]" in told) == (field in spec.options)
