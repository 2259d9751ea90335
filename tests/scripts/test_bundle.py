"""The bundle is the same bytes each time, holds what its parts need by hash, and any changed byte is found out."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from scripts.bundle import ROOT, build_wheel, pack, package_of, pinned, requirements, sbom, sign, signing_key
from shared.errors import Misconfigured, Refused

BUILT_S = 1_790_000_000


def pem(key: object) -> bytes:
    return key.private_bytes(  # type: ignore[attr-defined, no-any-return]
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small bundle: two wheels and a version."""
    made = tmp_path / "deepepil-1.0"
    (made / "wheels").mkdir(parents=True)
    for name in ("numpy-1.26.4-cp311-cp311-linux_x86_64.whl", "Typing_Extensions-4.16.0-py3-none-any.whl"):
        (made / "wheels" / name).write_bytes(name.encode())
    (made / "VERSION").write_text("1.0\n")
    return made


def test_two_wheels_of_one_tree_are_the_same_bytes(tmp_path: Path) -> None:
    if not (ROOT / "cloud/web/dist/index.html").exists():
        pytest.skip("The web pages are not built; `make web` builds them.")
    hashes = set()
    for number in ("1", "2"):
        wheel = build_wheel(tmp_path / number, BUILT_S)
        hashes.add(hashlib.sha256(wheel.read_bytes()).hexdigest())
    assert len(hashes) == 1


def test_two_tars_of_the_same_files_are_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    pack(folder, tmp_path / "1.tar", BUILT_S)
    for path in folder.rglob("*"):
        path.touch()
    pack(folder, tmp_path / "2.tar", BUILT_S)
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()


def test_a_part_names_each_package_by_the_hash_in_the_bundle(folder: Path) -> None:
    packages = [package_of(path) for path in (folder / "wheels").iterdir()]
    names = pinned("numpy==1.26.4 \\\n    --hash=sha256:aa\ntyping-extensions==4.16.0 ; python_version > '3'\n# x\n")
    assert names == {"numpy": "1.26.4", "typing-extensions": "4.16.0"}
    sha256 = hashlib.sha256(b"numpy-1.26.4-cp311-cp311-linux_x86_64.whl").hexdigest()
    assert requirements(names, packages).splitlines()[0] == f"numpy==1.26.4 --hash=sha256:{sha256}"
    with pytest.raises(Refused, match=r"scipy 1\.0 is pinned and has no wheel"):
        requirements({"scipy": "1.0"}, packages)


def test_what_is_no_wheel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="is not a wheel"):
        package_of(tmp_path / "numpy-1.26.4.tar.gz")


def test_the_sbom_names_every_package_and_is_the_same_each_time(folder: Path) -> None:
    packages = [package_of(path) for path in (folder / "wheels").iterdir()]
    text = sbom("1.0", packages, BUILT_S)
    assert text == sbom("1.0", reversed(packages), BUILT_S)
    document = json.loads(text)
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert [each["purl"] for each in document["components"]] == [
        "pkg:pypi/numpy@1.26.4", "pkg:pypi/typing-extensions@4.16.0",
    ]  # fmt: skip


def test_the_hosts_own_tools_accept_the_bundle_and_find_a_changed_byte(folder: Path, tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "pub").write_bytes(public)
    sign(folder, key)
    verify = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", tmp_path / "pub", "-in", "SHA256SUMS"]
    check = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]

    def accepted(command: list[str | Path]) -> bool:
        return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0

    assert accepted([*verify, "-sigfile", "SHA256SUMS.sig"])
    assert accepted([*check])
    (folder / "VERSION").write_text("1.1\n")
    assert not accepted([*check])
    (folder / "SHA256SUMS").write_text("")
    assert not accepted([*verify, "-sigfile", "SHA256SUMS.sig"])


def test_another_kind_of_key_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(pem(generate_private_key(SECP256R1())))
    with pytest.raises(Misconfigured, match="is not an Ed25519 key"):
        signing_key(path)
    with pytest.raises(Misconfigured, match="cannot be read"):
        signing_key(tmp_path / "none")
    path.write_bytes(pem(Ed25519PrivateKey.generate()))
    assert signing_key(path)
