"""What must not stand in the project: hosts in pins, machine paths, left-overs, large files."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAX_FILE_BYTES = 5_200_000
LEFT_OVERS = re.compile(r"\b(TODO|FIXME|XXX|HACK|NotImplementedError)\b")
SECRETS = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----|AKIA[0-9A-Z]{16}")


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def texts() -> dict[str, str]:
    found = {}
    for path in tracked():
        if path.suffix in {".py", ".ts", ".tsx", ".md", ".toml", ".txt", ".json", ".yml", ".css", ".html", ""}:
            found[str(path.relative_to(ROOT))] = path.read_text(errors="replace")
    return found


def test_the_pins_name_no_host_and_every_pin_has_a_hash() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        text = path.read_text()
        assert "://" not in text, path.name
        pins = re.findall(r"^[a-z0-9][^\s]*==", text, re.MULTILINE)
        hashed = re.findall(r"^[a-z0-9][^\s]*==[^\s]+ \\\n +--hash=sha256:", text, re.MULTILINE)
        assert pins
        assert path.name == "torch.txt" or len(pins) == len(hashed), path.name
    lock = (ROOT / "cloud/web/package-lock.json").read_text()
    assert '"resolved"' not in lock


def test_no_left_overs_secrets_or_machine_paths_are_committed() -> None:
    for name, text in texts().items():
        if name.startswith("tests/rules/") or name.endswith("package-lock.json"):
            continue
        assert not LEFT_OVERS.search(text), name
        assert not SECRETS.search(text), name
        assert "/work/" not in text, name
        assert "/root/" not in text, name


def test_no_committed_file_is_large() -> None:
    for path in tracked():
        assert path.stat().st_size <= MAX_FILE_BYTES, path
