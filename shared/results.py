"""Figures that a program can read: every bench, campaign, drill and evaluation writes `build/results/NAME.json` by this one function."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

RESULTS_FOLDER = Path("build/results")


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value, its unit, the goal in words, and whether the goal holds (None: no goal is set)."""

    value: float | int | str
    unit: str
    goal: str = ""
    holds: bool | None = None


def _machine() -> str:
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return (
        f"{os.cpu_count()} cores, {model}, {platform.system()} {platform.release()}, Python {platform.python_version()}"
    )


def _commit() -> str:
    found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


def write_results(name: str, command: str, figures: dict[str, Figure], folder: Path = RESULTS_FOLDER) -> Path:
    """Writes the figures atomically and returns the file's path."""
    folder.mkdir(parents=True, exist_ok=True)
    body = {
        "command": command,
        "commit": _commit(),
        "machine": _machine(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "figures": {key: asdict(figure) for key, figure in figures.items()},
    }
    path = folder / f"{name}.json"
    partial = path.with_suffix(".json.partial")
    partial.write_text(json.dumps(body, indent=2) + "\n")
    partial.replace(path)
    return path


def print_results(figures: dict[str, Figure]) -> None:
    """The same figures as a table for people."""
    width = max((len(key) for key in figures), default=0)
    for key, figure in figures.items():
        verdict = {True: "holds", False: "MISSED", None: ""}[figure.holds]
        print(f"{key:<{width}}  {figure.value:>12}  {figure.unit:<16} {figure.goal:<24} {verdict}")
