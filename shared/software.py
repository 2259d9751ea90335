"""What runs here: the installed version of DeepEpil, with the commit that its wheel was built from."""

from __future__ import annotations

from functools import cache
from importlib import metadata
from pathlib import Path

COMMIT_FILE = Path(__file__).with_name("commit.txt")
"""Written into the wheel by scripts/bundle.py; a checkout has none, because its commit changes while it runs."""
COMMIT_LETTERS = 12


@cache
def software_version() -> str:
    """`0.1.0+0123456789ab`, or the bare version in a checkout; `unknown` when the package is not installed."""
    try:
        version = metadata.version("deepepil")
    except metadata.PackageNotFoundError:
        return "unknown"
    commit = commit_of(COMMIT_FILE)
    return f"{version}+{commit}" if commit else version


def commit_of(path: Path) -> str:
    """The commit in the file, empty when there is none."""
    try:
        return path.read_text(encoding="ascii").strip()[:COMMIT_LETTERS]
    except (OSError, UnicodeDecodeError):
        return ""
