"""Under which licence each pinned package comes: `python -m scripts.licences` prints the table, the bundle's SBOM holds it.

In: the metadata of wheels or of what is installed (core metadata 2.4: License-Expression, else License or the classifiers).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from email.message import Message
from email.parser import BytesParser
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from packaging.markers import Marker

ROOT = Path(__file__).parents[1]
PARTS = ("edge", "cloud")
UNKNOWN = "unknown"
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)\s*(?:;\s*([^\\]+))?")
_CLASSIFIER = "License :: OSI Approved :: "
_SHORT = 80


def licence_in(metadata: Message) -> str:
    """The licence that a package's metadata state, in one line; `unknown` where they state none."""
    expression = metadata.get("License-Expression")
    if expression:
        return str(expression).strip()
    stated = [line.removeprefix(_CLASSIFIER) for line in metadata.get_all("Classifier", []) if _CLASSIFIER in line]
    if stated:
        return " OR ".join(sorted(set(stated)))
    text = str(metadata.get("License") or "").strip()
    first = text.splitlines()[0].strip() if text else ""
    return first[:_SHORT] if first and first.upper() != "UNKNOWN" else UNKNOWN


def licence_of_wheel(wheel: Path) -> str:
    """The same for a wheel that is not installed."""
    try:
        with ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name)]
            return licence_in(BytesParser().parsebytes(archive.read(names[0]))) if names else UNKNOWN
    except (BadZipFile, OSError):
        return UNKNOWN


def pins(parts: Iterable[str] = PARTS) -> dict[str, str]:
    """Name to version of what the parts pin for this Python and machine."""
    found = {}
    for part in parts:
        for line in (ROOT / "requirements" / f"{part}.txt").read_text().splitlines():
            match = _PIN.match(line)
            if match and (match[3] is None or Marker(match[3].strip()).evaluate()):
                found[re.sub(r"[-_.]+", "-", match[1]).lower()] = match[2]
    return found


def installed(name: str) -> tuple[str, str] | None:
    """Version and licence of an installed package, None where it is not installed."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return None
    return found.version, licence_in(found.metadata)  # type: ignore[arg-type]  # typed narrower than it is


def main() -> None:
    """Prints the table."""
    print("| package | version | licence |\n| --- | --- | --- |")
    for name, version in sorted(pins().items()):
        stated = installed(name)
        print(f"| {name} | {version} | {stated[1] if stated else 'not installed here'} |")


if __name__ == "__main__":
    main()
