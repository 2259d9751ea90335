"""Makes the offline bundle: every package of every part as a wheel, requirements by hash, SBOM, checksums, signature, in one tar.

`make bundle KEY=FILE` (an Ed25519 key, PEM). Downloading needs the package index that pip is set up with; installing needs none.
Two bundles of one commit from the same wheels are the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZipFile

import click
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from scripts.licences import UNKNOWN, licence_of_wheel
from shared.errors import DeepEpilError, Misconfigured, Refused

ROOT = Path(__file__).parents[1]
PARTS = ("edge", "kinect", "cloud")
TORCH_PART = "worker"
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)")


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """One wheel of the bundle."""

    name: str
    version: str
    file: str
    sha256: str
    licence: str = UNKNOWN


def package_of(wheel: Path) -> Package:
    """Reads name and version from the file's name (PEP 427). Raises Refused for what is no wheel."""
    parts = wheel.name.removesuffix(".whl").split("-")
    if wheel.suffix != ".whl" or len(parts) not in {5, 6}:
        raise Refused(f"{wheel.name} is not a wheel; the bundle holds wheels alone.")
    name = re.sub(r"[-_.]+", "-", parts[0]).lower()
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return Package(name, parts[1], wheel.name, digest, licence_of_wheel(wheel))


def pinned(text: str) -> dict[str, str]:
    """Names and versions of a requirements file."""
    found = (match for line in text.splitlines() if (match := _PIN.match(line)))
    return {re.sub(r"[-_.]+", "-", match[1]).lower(): match[2] for match in found}


def requirements(names: Mapping[str, str], packages: Iterable[Package]) -> str:
    """The packages of one part, each by the one hash that lies in the bundle. Raises Refused for one that is missing."""
    there = {(package.name, package.version): package for package in packages}
    lines = []
    for name, version in sorted(names.items()):
        if (name, version) not in there:
            raise Refused(f"{name} {version} is pinned and has no wheel in the bundle.", package=name)
        lines.append(f"{name}=={version} --hash=sha256:{there[name, version].sha256}")
    return "\n".join([*lines, ""])


def sbom(version: str, packages: Iterable[Package], built_s: int) -> str:
    """A CycloneDX 1.6 document: each wheel with its package URL, hash and licence. The same input is the same text."""
    components = [
        {
            "type": "library", "name": package.name, "version": package.version,
            "purl": f"pkg:pypi/{package.name}@{package.version}", "bom-ref": f"{package.name}@{package.version}",
            "hashes": [{"alg": "SHA-256", "content": package.sha256}],
            "licenses": [{"license": {"name": package.licence}}],
        }
        for package in sorted(packages)
    ]  # fmt: skip
    number = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(components, sort_keys=True))
    document = {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": f"urn:uuid:{number}", "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(built_s, UTC).isoformat(),
            "component": {"type": "application", "name": "deepepil", "version": version},
        },
        "components": components,
    }  # fmt: skip
    return json.dumps(document, indent=2) + "\n"


def signing_key(path: Path) -> Ed25519PrivateKey:
    """Raises Misconfigured for a file that is missing or holds another kind of key."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Misconfigured(f"The signing key {path} cannot be read: {error}.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise Misconfigured(f"The signing key {path} is not an Ed25519 key.")
    return key


def sign(folder: Path, key: Ed25519PrivateKey) -> None:
    """Writes SHA256SUMS of every file in the folder, and its signature beside it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("SHA256SUMS"))
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n" for path in files]
    sums = "".join(lines).encode()
    (folder / "SHA256SUMS").write_bytes(sums)
    (folder / "SHA256SUMS.sig").write_bytes(key.sign(sums))


def pack(folder: Path, out: Path, built_s: int) -> None:
    """One tar of the folder: names in order, one time, nobody's ids, so that the same files are the same bytes."""
    with tarfile.open(out, "w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = tarfile.TarInfo(f"{folder.name}/{path.relative_to(folder)}")
            body = path.read_bytes()
            entry.size, entry.mtime, entry.mode = len(body), built_s, 0o644
            tar.addfile(entry, io.BytesIO(body))


def build_wheel(out: Path, built_s: int, root: Path = ROOT) -> Path:
    """Our own wheel with the pages in it. Raises Misconfigured when the pages are not built."""
    if not (root / "cloud/web/dist/index.html").exists():
        raise Misconfigured("The web pages are not built; `make web` builds them.")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    environment = {"SOURCE_DATE_EPOCH": str(built_s), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    note = root / "shared" / "commit.txt"
    note.write_text(_commit(root))
    try:
        found = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    finally:
        note.unlink(missing_ok=True)
    if found.returncode:
        raise Refused(f"The wheel was not built: {found.stderr.strip()[-300:]}")
    (wheel,) = out.glob("deepepil-*.whl")
    with ZipFile(wheel) as archive:
        if "cloud/web/dist/index.html" not in archive.namelist():
            raise Refused(f"{wheel.name} holds no pages.")
    return wheel


def _commit(root: Path) -> str:
    """The commit of the checkout; empty where there is none."""
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _download(wheels: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--only-binary", ":all:"]
    subprocess.run([*command, "-d", str(wheels), *arguments], check=True)


def make_bundle(out: Path, key: Ed25519PrivateKey, built_s: int, *, torch: bool) -> Path:
    """The tar in `out`, and the public key beside it. Raises Refused or Misconfigured with a sentence."""
    shutil.rmtree(out, ignore_errors=True)
    scratch = out / "new"
    wheels = scratch / "wheels"
    wheels.mkdir(parents=True)
    ours = package_of(build_wheel(wheels, built_s))
    texts = {part: (ROOT / "requirements" / f"{part}.txt").read_text() for part in PARTS}
    for part in PARTS:
        _download(wheels, "--no-deps", "--require-hashes", "-r", str(ROOT / "requirements" / f"{part}.txt"))
    named = {part: pinned(text) for part, text in texts.items()}
    if torch:
        named[TORCH_PART] = _with_torch(wheels, named["cloud"])
    packages = sorted(package_of(path) for path in wheels.iterdir())
    (scratch / "requirements").mkdir()
    for part, names in named.items():
        text = requirements(names | {ours.name: ours.version}, packages)
        (scratch / "requirements" / f"{part}.txt").write_text(text)
    (scratch / "VERSION").write_text(f"{ours.version}\n")
    (scratch / "sbom.cdx.json").write_text(sbom(ours.version, packages, built_s))
    sign(scratch, key)
    folder = scratch.rename(out / f"deepepil-{ours.version}")
    pack(folder, out / f"{folder.name}.tar", built_s)
    shutil.rmtree(folder)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (out / "bundle.pub").write_bytes(public)
    return out / f"{folder.name}.tar"


def _with_torch(wheels: Path, cloud: Mapping[str, str]) -> dict[str, str]:
    """Downloads torch and what it wants, held to the cloud's versions; returns all packages of a host that classifies."""
    before = {path.name for path in wheels.iterdir()}
    held = wheels.parent / "held.txt"
    held.write_text("".join(f"{name}=={version}\n" for name, version in sorted(cloud.items())))
    _download(wheels, "-c", str(held), "-r", str(ROOT / "requirements/torch.txt"))
    held.unlink()
    new = [package_of(path) for path in wheels.iterdir() if path.name not in before]
    return {package.name: package.version for package in new} | dict(cloud)


@click.command()
@click.option("--key", type=click.Path(path_type=Path), required=True, help="the Ed25519 key that signs, PEM")
@click.option("--out", type=click.Path(path_type=Path), default=ROOT / "build/bundle", show_default=True)
@click.option("--torch/--no-torch", default=True, show_default=True, help="with torch for hosts that classify")
def main(key: Path, out: Path, torch: bool) -> None:
    """Make the offline bundle of this commit."""
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    try:
        built_s = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        print(make_bundle(out, signing_key(key), built_s, torch=torch))
    except DeepEpilError as error:
        click.echo(f"bundle: {error.sentence}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
