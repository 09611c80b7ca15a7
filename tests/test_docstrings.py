"""Docstrings are true: the parameters that they describe exist, and so do the modules and types that they name."""

import ast
import builtins
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = [ROOT / "unitscope.py", ROOT / "app.py", *ROOT.glob("precompute/**/*.py"), *ROOT.glob("explorer/**/*.py")]
# Words that stand for no type: of libraries, with their module before them, and of files and numbers.
WORDS = {"CSV", "DataFrame", "Figure", "HTML", "JSON", "NaN", "RGB", "SVG", "SeriesGroupBy"}

Definition = ast.FunctionDef | ast.ClassDef


@cache
def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def module_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def documented(tree):
    """Every module, class and function with a docstring."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | Definition) and (text := ast.get_docstring(node)):
            yield node, text


def names_in(tree):
    """Every name that a module gives to something: imports, definitions, values, fields."""
    for node in ast.walk(tree):
        if isinstance(node, Definition):
            yield node.name
        elif isinstance(node, ast.alias):
            yield node.asname or node.name.partition(".")[0]
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


# Parameters


def arguments_of(function):
    of = function.args
    return {each.arg for each in (*of.posonlyargs, *of.args, *of.kwonlyargs, of.vararg, of.kwarg) if each}


def parameters_of(node):
    """What a function can be given, or a class made of: its fields, those of the classes before it unknown."""
    if isinstance(node, ast.FunctionDef):
        return arguments_of(node)
    fields = {each.target.id for each in node.body if isinstance(each, ast.AnnAssign)}
    made = [each for each in node.body if isinstance(each, ast.FunctionDef) and each.name in ("__init__", "__new__")]
    return fields.union(*map(arguments_of, made))


def described(text):
    """The names under the heading Parameters of a docstring."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=\n\w+\n-+\n|\Z)", text, re.DOTALL | re.MULTILINE)
    for line in section[1].splitlines() if section else ():
        if re.match(r"[a-z_*]", line):
            yield from re.split(r",\s*", line.partition(" : ")[0].replace("*", ""))


def undescribable(tree):
    """Parameters that docstrings describe and that do not exist."""
    for node, text in documented(tree):
        if isinstance(node, Definition):
            yield from (f"{node.name}: {name}" for name in described(text) if name not in parameters_of(node))


def test_every_parameter_that_is_described_exists():
    assert [found for path in FILES for found in undescribable(tree_of(path))] == []


def test_a_parameter_that_does_not_exist_is_found():
    text = '''
def area(radius, *more):
    """Return it.

    Parameters
    ----------
    radius, side : float
        How large.
    *more
        Others.

    Returns
    -------
    float
    """
'''
    assert list(undescribable(ast.parse(text))) == ["area: side"]


# Modules and types


@cache
def modules():
    return {module_of(path): set(names_in(tree_of(path))) for path in FILES}


def leads_somewhere(dotted):
    """Whether a dotted name is a module, or begins with one that has the rest."""
    parts = dotted.rstrip(".").split(".")
    for n in range(len(parts), 0, -1):
        module = ".".join(parts[:n])
        if module in modules():
            return parts[n : n + 1] == [] or parts[n] in modules()[module]
    return False


def test_every_module_that_a_docstring_names_exists():
    texts = [text for path in FILES for _, text in documented(tree_of(path))]
    named = {name for text in texts for name in re.findall(r"`~?((?:precompute|explorer)\.[\w.]+)`", text)}
    assert len(named) > 20
    assert sorted(name for name in named if not leads_somewhere(name)) == []
    assert not leads_somewhere("precompute.measures.drops.nothing")
    assert not leads_somewhere("precompute.nowhere")


def test_every_type_that_a_docstring_names_exists():
    known = set().union(*modules().values()) | set(dir(builtins)) | WORDS
    unknown = []
    for path in FILES:
        for node, text in documented(tree_of(path)):
            typed = re.findall(r"^ *[a-z_][\w, *]* : (.+)$", text, re.MULTILINE)
            words = {word for line in typed for word in re.findall(r"(?<![\w.`])[A-Z]\w+", line)}
            unknown += [f"{path.name}, {getattr(node, 'name', 'module')}: {word}" for word in words - known]
    assert unknown == []


# Sections


def test_the_heading_of_a_section_has_a_line_of_its_own():
    joined = [
        f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"
        for path in FILES
        for node, text in documented(tree_of(path))
        if re.search(r"^ *\w+ -{5,}", text, re.MULTILINE)
    ]
    assert joined == []
