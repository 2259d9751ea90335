"""The version that is told: with the commit in a wheel, bare in a checkout."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from shared.software import COMMIT_FILE, commit_of, software_version


def test_a_checkout_tells_its_version_and_no_commit() -> None:
    assert not COMMIT_FILE.exists()
    assert software_version() == metadata.version("deepepil")


def test_a_wheel_tells_the_first_letters_of_its_commit(tmp_path: Path) -> None:
    note = tmp_path / "commit.txt"
    note.write_text("0123456789abcdef0123456789abcdef01234567\n")
    assert commit_of(note) == "0123456789ab"
    assert commit_of(tmp_path / "none") == ""
