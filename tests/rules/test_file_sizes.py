"""Files and functions stay small enough to be read at one sitting. Nobody raises a limit to make this green."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULE_LINES = 400
PROCESS_LINES = 150
FUNCTION_LINES = 60
PARAMETERS = 8
COMPONENT_LINES = 300
LONGER_FOR_A_REASON = {
    "models/i3d/network.py": "one network is one readable file",
}
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base", "models"}


def sources() -> list[Path]:
    folders = ("shared", "edge_agent", "cloud", "models", "tests", "scripts")
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return [path for path in found if "node_modules" not in path.parts and "migrations" not in path.parts]


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", sources(), ids=name)
def test_a_module_is_short_and_so_are_its_functions(path: Path) -> None:
    limit = PROCESS_LINES if "processes" in path.parent.parts and "tests" not in path.parts else MODULE_LINES
    lines = len(path.read_text().splitlines())
    assert lines <= limit or name(path) in LONGER_FOR_A_REASON, f"{name(path)} has {lines} lines; the limit is {limit}"
    for function in functions(path):
        length = (function.end_lineno or 0) - function.lineno + 1
        assert length <= FUNCTION_LINES, (
            f"{name(path)}: {function.name} has {length} lines; the limit is {FUNCTION_LINES}"
        )
        arguments = function.args
        count = len(arguments.args + arguments.posonlyargs + arguments.kwonlyargs)
        count -= bool(arguments.args) and arguments.args[0].arg in {"self", "cls"}
        assert count <= PARAMETERS, f"{name(path)}: {function.name} takes {count} parameters; the limit is {PARAMETERS}"


@pytest.mark.parametrize("path", sources(), ids=name)
def test_a_module_says_what_it_is_and_has_a_name_that_says_something(path: Path) -> None:
    assert path.stem not in EMPTY_NAMES
    text = path.read_text()
    assert not text.strip() or ast.get_docstring(ast.parse(text)), f"{name(path)} has no docstring on its first line"


def test_a_component_of_the_pages_is_short() -> None:
    for path in (ROOT / "cloud/web/src").rglob("*.tsx"):
        lines = len(path.read_text().splitlines())
        assert lines <= COMPONENT_LINES, f"{name(path)} has {lines} lines; the limit is {COMPONENT_LINES}"
