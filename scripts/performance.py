"""Prints docs/performance.md from the figures in build/results: `make docs`. Figures that were not measured here keep their place."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

PAGE = Path("docs/performance.md")
RESULTS = Path("build/results")
HEAD = """# Performance

Every figure is printed by the command beside it and lies in `build/results/` after a run; this page is made from those files by `make docs`.
A share is a share of one core. What was measured on the simulated ward says nothing about patients.
"""


def section(name: str, result: dict[str, object]) -> str:
    """One result file as a section with its table."""
    lines = [
        f"## {name}",
        "",
        f"`{result['command']}`, commit {result['commit']}, {result['finished']}; {result['machine']}",
        "",
    ]
    lines += ["| figure | value | unit | goal | holds |", "| --- | --- | --- | --- | --- |"]
    figures = result["figures"]
    assert isinstance(figures, dict)
    for key, figure in figures.items():
        holds = {True: "yes", False: "**no**", None: ""}[figure["holds"]]
        lines.append(f"| `{key}` | {figure['value']} | {figure['unit']} | {figure['goal']} | {holds} |")
    return "\n".join(lines) + "\n"


def page(old: str, results: dict[str, dict[str, object]]) -> str:
    """The new page: measured sections replace old ones of the same name, other old sections stay."""
    found = {part.split("\n", 1)[0].strip(): "## " + part for part in re.split(r"^## ", old, flags=re.MULTILINE)[1:]}
    found |= {name: section(name, result) for name, result in results.items()}
    return HEAD + "".join("\n" + found[name].rstrip() + "\n" for name in sorted(found))


def main() -> None:
    results = {path.stem: json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))}
    sys.stdout.write(page(PAGE.read_text() if PAGE.exists() else "", results))


if __name__ == "__main__":
    main()
