"""The documents are true: their commands can be given, their links lead somewhere, and every option is described."""

import argparse
import importlib.util
import re
import shlex
from functools import cache
from pathlib import Path

import pytest

from precompute.__main__ import _parser
from precompute.experiments.options import ExperimentOptions
from precompute.option_fields import options_of as experiment_options_of
from precompute.store.experiments import registry

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "precompute" / "store" / "FORMAT.md"])
NAMES = [str(path.relative_to(ROOT)) for path in PAGES]
COMMAND_LINE = ROOT / "docs" / "command-line.md"


@cache
def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def without_code(text):
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


# Commands


def commands(start):
    """Every command in the documents that begins in a way, with the page it stands on."""
    found = {}
    for name in NAMES:
        text = text_of(name)
        lines = [line for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
        lines += [" ".join(code.split()) for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", without_code(text))]
        for line in lines:
            if line.startswith(start):
                found.setdefault(re.split(r"\s{3,}|\s#", line)[0].strip(), name)
    return sorted(found.items())


def words_of(command):
    """The words of a command: without parts in brackets, the first of what | divides, a name for NAME."""
    plain = re.sub(r"\[[^\]]*\]|\.\.\.", "", command)
    plain = re.sub(r"\s\|\s\S+\s\S+", "", plain)
    return shlex.split(re.sub(r"\bNAME\b", registry.NAMES[0], plain))


def given(words):
    """Whether the program takes a list of words; the name of a command alone will do, as in `precompute run`."""
    try:
        _parser("python -m precompute").parse_args(words)
    except SystemExit as refused:
        return refused.code == 0 or len(words) == 1
    return True


@pytest.mark.parametrize(("command", "page"), commands("python -m precompute ") + commands("unitscope "))
def test_a_command_can_be_given(command, page, capsys):
    words = words_of(command.removeprefix("python -m precompute").removeprefix("unitscope"))
    if words[0] in ("app", "report"):
        return  # tested with the public module, and with the explorer
    if "..." in command:
        assert {word for word in words if word.startswith("--")} <= set(options_of(parsers()[words[0]]))
    else:
        assert given(words), f"{page}: {command}: {capsys.readouterr().err}"


@pytest.mark.parametrize("command", ["run resnet18 --pictures DIR --layer L --out S.h5", "experiment phrenology S.h5"])
def test_a_command_that_cannot_be_given_would_be_noticed(command):
    assert not given(words_of(command))


@pytest.mark.parametrize(("command", "page"), commands("make "))
def test_a_make_target_is_there(command, page):
    targets = re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE)
    wanted = [word for word in shlex.split(command)[1:] if "=" not in word]
    assert set(wanted) <= set(targets), page


@pytest.mark.parametrize(("command", "page"), commands("python -m tests."))
def test_a_tool_of_the_tests_is_there(command, page):
    assert importlib.util.find_spec(command.split()[2]) is not None, page


@pytest.mark.parametrize(("command", "page"), commands("streamlit run "))
def test_the_app_is_started_by_its_file(command, page):
    assert command.split()[2] == "app.py", page


# Options and experiments


def parsers():
    (commands,) = [
        action for action in _parser("").__dict__["_actions"] if isinstance(action, argparse._SubParsersAction)
    ]
    return commands.choices


def options_of(parser):
    return [name for action in parser._actions for name in action.option_strings if name.startswith("--")]


OPTIONS = [(command, option) for command, parser in parsers().items() for option in options_of(parser)]


@pytest.mark.parametrize(("command", "option"), [each for each in OPTIONS if each[1] != "--help"])
def test_every_option_is_described(command, option):
    assert re.search(rf"`?{option}(?![\w-])", text_of("docs/command-line.md")), f"{command} {option}"


@pytest.mark.parametrize(("field", "option"), experiment_options_of(ExperimentOptions).items())
def test_an_option_is_said_to_be_taken_by_the_experiments_that_do_not_refuse_it(field, option):
    table = text_of("docs/command-line.md").partition("<!-- table: options of experiment -->")[2]
    row = re.search(rf"^\| `{option.written}(?![\w-]).*\| ([^|]*) \|$", table, re.MULTILINE)
    takers = re.search(r"^(each)?(?: but )?(.*)$", row[1])
    listed = {spec.name for spec in registry.all_specs()}
    named = set(re.findall(r"`(\w+)`", takers[2]))
    assert (listed - named if takers[1] else named) == {s.name for s in registry.all_specs() if field in s.options}


OTHERS = {"--help", "--store", "--port"}  # of the app


@pytest.mark.parametrize("name", ["README.md", "docs/command-line.md", "docs/masks.md", "docs/methods.md"])
def test_no_option_is_described_that_there_is_not(name):
    text = "\n\n".join(part for part in text_of(name).split("\n\n") if not re.search("python -m (tests|pytest)", part))
    told = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))
    assert told - {option for _, option in OPTIONS} - OTHERS == set()


@pytest.mark.parametrize("command", parsers())
def test_every_command_is_listed_first_of_all(command):
    synopsis = re.search(r"```\n(.*?)```", text_of("docs/command-line.md"), re.DOTALL)[1]
    assert f"python -m precompute {command} " in synopsis


def table_after(name, head):
    """The first cells of the rows of a table, by the first cell of its head."""
    rows = re.search(rf"^ *\| {re.escape(head)} \|.*\n *\|[-| ]+\n((?: *\|.*\n)+)", text_of(name), re.MULTILINE)[1]
    return [code for row in rows.splitlines() for code in re.findall(r"`([^`]+)`", row.split("|")[1])]


@pytest.mark.parametrize(("name", "head"), [("README.md", "`experiment`"), ("docs/command-line.md", "NAME")])
def test_every_experiment_is_in_the_table_of_the_experiments(name, head):
    assert sorted(table_after(name, head)) == sorted(registry.NAMES)


@pytest.mark.parametrize("experiment", registry.NAMES)
@pytest.mark.parametrize("name", ["docs/methods.md", "precompute/store/FORMAT.md", "CHANGELOG.md"])
def test_every_experiment_is_described(name, experiment):
    described = re.search(rf"`{experiment}`|experiment {experiment}\b|/experiments/{experiment}/", text_of(name))
    assert described, f"{name} does not name the experiment {experiment}"


# Links and places


def anchors_of(text):
    """The anchors that GitHub gives the headings of a page."""
    heads = re.findall(r"^#+ (.+)$", without_code(text), re.MULTILINE)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", head) for head in heads]
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in plain}


def links():
    for name in NAMES:
        for target in re.findall(r"\]\(([^)\s]+)\)", without_code(text_of(name))):
            if "://" not in target:
                yield name, target


@pytest.mark.parametrize(("name", "target"), sorted(set(links())))
def test_a_link_leads_somewhere(name, target):
    path, _, anchor = target.partition("#")
    place = (ROOT / name).parent / path if path else ROOT / name
    assert place.exists()
    if anchor:
        assert anchor in anchors_of(place.read_text(encoding="utf-8"))


def places(name):
    """What a page names in code that looks like a place in the project."""
    said = set(re.findall(r"`([\w./-]+)`", text_of(name)))
    return sorted(each for each in said if "/" in each and not each.startswith(("/", ".", "runs/", "~", "-")))


@pytest.mark.parametrize(
    ("name", "place"),
    [(name, place) for name in ("README.md", "docs/architecture.md", "CONTRIBUTING.md") for place in places(name)],
)
def test_a_place_that_a_page_names_is_there(name, place):
    bases = (ROOT, ROOT / "precompute", ROOT / "explorer", ROOT / "tests")
    assert any((base / end).exists() for base in bases for end in (place, f"{place}.py"))


# Tables


def tables_without_head(text):
    """The first row of every table of a page that no line of dashes follows: such rows are shown as plain text."""
    lines = without_code(text).split("\n")
    starts = [at for at, line in enumerate(lines) if line.lstrip().startswith("|")]
    starts = [at for at in starts if not lines[at - 1].lstrip().startswith("|")]
    return [lines[at] for at in starts if not re.fullmatch(r"\s*\|[\s:|-]+\|", lines[at + 1])]


@pytest.mark.parametrize("name", NAMES)
def test_every_table_has_a_head(name):
    assert tables_without_head(text_of(name)) == []


def test_rows_behind_an_empty_line_would_be_noticed():
    assert tables_without_head("| a | b |\n|---|---|\n| 1 | 2 |\n\n| 3 | 4 |\n") == ["| 3 | 4 |"]
