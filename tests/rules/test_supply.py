"""What is installed is what is pinned, as the bundle's SBOM lists it, and each package has a licence that we can live with."""

from __future__ import annotations

import re
from email.message import Message
from pathlib import Path
from zipfile import ZipFile

import pytest

from scripts.licences import UNKNOWN, installed, licence_in, licence_of_wheel, pins

FREE = re.compile(
    r"\b(MIT|BSD|0BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|Zlib|EPL-2\.0 OR BSD)", re.IGNORECASE
)
WEAK_COPYLEFT = {"psycopg", "psycopg-binary", "psycopg-pool"}
"""LGPL: used as they are, from their own wheels, so that anybody may put another version in their place."""


@pytest.mark.parametrize(("name", "version"), sorted(pins().items()))
def test_what_is_installed_is_what_is_pinned_and_may_be_used(name: str, version: str) -> None:
    found = installed(name)
    assert found is not None, f"{name} is pinned and not installed; `make setup`"
    assert found[0] == version, f"{name} {found[0]} is installed and {version} is pinned; `make setup`"
    licence = found[1]
    assert FREE.search(licence) or (name in WEAK_COPYLEFT and licence.startswith("LGPL")), f"{name}: {licence}"
    assert "AGPL" not in licence


def metadata(**fields: str) -> Message:
    message = Message()
    for name, value in fields.items():
        message[name.replace("_", "-")] = value
    return message


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ({"License_Expression": "MIT", "License": "long text"}, "MIT"),
        ({"Classifier": "License :: OSI Approved :: BSD License", "License": "3-clause"}, "BSD License"),
        ({"License": "ISC\nand a long text"}, "ISC"),
        ({"License": "UNKNOWN"}, UNKNOWN),
        ({}, UNKNOWN),
    ],
)
def test_a_licence_is_read_from_wherever_metadata_state_it(fields: dict[str, str], licence: str) -> None:
    assert licence_in(metadata(**fields)) == licence


def test_a_wheels_licence_is_read_without_installing_it(tmp_path: Path) -> None:
    wheel = tmp_path / "one-1.0-py3-none-any.whl"
    with ZipFile(wheel, "w") as archive:
        archive.writestr("one-1.0.dist-info/METADATA", "Metadata-Version: 2.4\nName: one\nLicense-Expression: MIT\n")
    assert licence_of_wheel(wheel) == "MIT"
    wheel.write_bytes(b"no wheel")
    assert licence_of_wheel(wheel) == UNKNOWN
