"""The files of a house: its settings, what this machine must have for it, and what killed runs left."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cloud.database import DatabaseAddress
from cloud.demo.configs import Certificates
from tests.databases import debian_programs

HOUSES = Path("/tmp")  # noqa: S108 the user of PostgreSQL must reach it
PREFIX = "deepepil-delivery-"


@dataclass(frozen=True, slots=True)
class CloudPorts:
    """Where the parts of the cloud listen, or our lines to them."""

    database: int
    broker: int
    people: int
    beds: int


def cloud_text(name: str, ports: CloudPorts, objects: str, rules: str, files: tuple[Certificates, Certificates]) -> str:
    """cloud.toml. `rules` continues the section of the beds; `files` are the cloud's at the broker and its server's."""
    of_cloud, of_server = files
    url = DatabaseAddress("127.0.0.1", ports.database, "postgres", "", name).url
    return f"""mode = "demo"
[database]
url = "{url}"
[objects]
{objects}
[mqtt]
host = "127.0.0.1"
port = {ports.broker}
ca_file = "{of_cloud.authority}"
certificate_file = "{of_cloud.certificate}"
key_file = "{of_cloud.key}"
[people]
port = {ports.people}
[beds]
port = {ports.beds}
certificate_file = "{of_server.certificate}"
key_file = "{of_server.key}"
ca_file = "{of_server.authority}"
{rules}
"""


def bed_text(bed: tuple[str, str], folder: Path, files: Certificates, ports: tuple[int, int], store_origin: str) -> str:
    """The settings of a bed (site, name); ports of broker and api."""
    return f"""[bed]
site = "{bed[0]}"
bed = "{bed[1]}"
[storage]
folder = "{folder}"
max_bytes = 1000000000
reserve_bytes = 1048576
[source]
kind = "simulator"
[detector]
releases_folder = "{folder}"
release = "detector-campaign"
[mqtt]
host = "127.0.0.1"
port = {ports[0]}
ca_file = "{files.authority}"
certificate_file = "{files.certificate}"
key_file = "{files.key}"
[cloud]
url = "https://127.0.0.1:{ports[1]}"
[upload]
{f'store_origin = "{store_origin}"' if store_origin else ""}
"""


def obstacle() -> str | None:
    """Why such a house cannot be built on this machine, in a sentence; None when it can."""
    if debian_programs() is None:
        return "The campaign needs Debian's PostgreSQL; make setup installs it."
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = [tool for tool in ("mosquitto", "setpriv") if shutil.which(tool, path=path) is None]
    if missing:
        return f"The campaign needs {', '.join(missing)}; make setup installs them."
    return None


def tidy_left_overs() -> None:
    """Removes the folders of campaigns that were killed: their programs died with them."""
    for folder in HOUSES.glob(f"{PREFIX}*"):
        mark = folder / "pid"
        with suppress(OSError, ValueError):
            if not Path(f"/proc/{int(mark.read_text())}").exists():
                shutil.rmtree(folder, ignore_errors=True)


def swift_is_installed() -> bool:
    """Whether Debian's Swift and what it needs are there."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/bin"
    return all(shutil.which(name, path=path) for name in ("swift-proxy-server", "swift-ring-builder", "memcached"))
