"""The configuration files of a demonstration, written anew at each start: ports may differ, data stays."""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path

from cloud.demo.layout import DemoBed, Ports
from shared.errors import Misconfigured

GIB = 1024**3
LARGEST_RING_BYTES = 24 * GIB
SHARE_OF_FREE_SPACE = 0.25
BED_BYTES_PER_S = 14_000_000
"""A little more than a simulated Kinect v2 bed writes; the promised hours follow from it."""
CLOUD_NAME = "cloud"


@dataclass(frozen=True, slots=True)
class Certificates:
    """The files of one holder of a certificate."""

    certificate: Path
    key: Path
    authority: Path


def releases_folder() -> Path:
    """Where the trained networks lie, without importing the code that made them."""
    found = importlib.util.find_spec("models")
    if found is None or found.origin is None:
        raise Misconfigured("The package models, which holds the trained networks, is not installed.")
    return Path(found.origin).parent / "releases"


def _text(path: Path | str) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


def cloud_file(folder: Path, ports: Ports, of_cloud: Certificates, of_server: Certificates) -> str:
    """cloud.toml: embedded database, a local folder for the clips, raw segments wanted for every event."""
    return f"""mode = "demo"

[database]
url = {_text(f"embedded:{folder / 'database'}")}

[objects]
url = {_text(f"file://{folder / 'objects'}")}

[mqtt]
host = "127.0.0.1"
port = {ports.broker}
ca_file = {_text(of_cloud.authority)}
certificate_file = {_text(of_cloud.certificate)}
key_file = {_text(of_cloud.key)}

[people]
host = "127.0.0.1"
port = {ports.people}

[beds]
host = "127.0.0.1"
port = {ports.beds}
certificate_file = {_text(of_server.certificate)}
key_file = {_text(of_server.key)}
ca_file = {_text(of_server.authority)}

[site]
raw_policy = "on_confirm"
"""


def source_lines(source: str, bed: DemoBed) -> str:
    """The [source] section: the simulated ward, or a recording that is played again and again."""
    if source == "simulator":
        return f"""kind = "simulator"
plan = "demo"
patient_seed = {bed.patient_seed}
night_seed = {bed.night_seed}
width = 512
height = 424
frames_per_s = 30.0
colour_per_s = {bed.colour_per_s}
colour_width = {bed.colour_width}
colour_height = {bed.colour_height}
"""
    return f"""kind = "mkv_playback"
file = {_text(Path(source).resolve())}
loop = true
"""


def ring_bytes(folder: Path) -> int:
    """How large one bed's ring may grow here: a quarter of what is free, at most 24 GiB."""
    return int(min(LARGEST_RING_BYTES, shutil.disk_usage(folder).free * SHARE_OF_FREE_SPACE))


def bed_file(folder: Path, bed: DemoBed, ports: Ports, of_bed: Certificates, source: str, releases: Path) -> str:
    """The settings of one bed's agent; the ring is as large as the disk allows and promises no more hours than it holds."""
    largest_bytes = ring_bytes(folder)
    return f"""[bed]
site = "{bed.site}"
bed = "{bed.bed}"

[storage]
folder = {_text(folder / bed.bed)}
max_bytes = {largest_bytes}
max_hours = {largest_bytes / BED_BYTES_PER_S / 3600:.2f}
reserve_bytes = {GIB}

[source]
{source_lines(source, bed)}
[detector]
releases_folder = {_text(releases)}
release = "detector-v0"

[mqtt]
host = "127.0.0.1"
port = {ports.broker}
ca_file = {_text(of_bed.authority)}
certificate_file = {_text(of_bed.certificate)}
key_file = {_text(of_bed.key)}

[cloud]
url = "https://127.0.0.1:{ports.beds}"
ca_file = {_text(of_bed.authority)}

[live]
network = "127.0.0.0/8"
"""
