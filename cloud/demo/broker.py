"""Mosquitto for one machine: mutual TLS, one certificate a bed, each bed bound to its own topics. Started as a child process."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from shared.errors import Misconfigured, Transient
from shared.topics import ROOT, RULES

START_LIMIT_S = 15.0


def access_list(bed_names: Sequence[str], cloud_name: str) -> str:
    """The broker's access list: `site.bed` may write what a bed gives and read what is meant for it; the cloud the reverse."""
    lines = [f"user {cloud_name}"]
    for topic, rule in RULES.items():
        lines.append(f"topic {'read' if rule.from_bed else 'write'} {ROOT}/+/+/{topic.value}")
    for name in bed_names:
        site, _, bed = name.partition(".")
        lines += ["", f"user {name}"]
        for topic, rule in RULES.items():
            lines.append(f"topic {'write' if rule.from_bed else 'read'} {ROOT}/{site}/{bed}/{topic.value}")
    return "\n".join(lines) + "\n"


def configuration(folder: Path, port: int, certificate: Path, key: Path, authority: Path, run_as: str) -> str:
    """mosquitto.conf: TLS 1.3 with client certificates, the certificate's name is the user, sessions saved on every change."""
    return f"""listener {port} 127.0.0.1
cafile {authority}
certfile {certificate}
keyfile {key}
require_certificate true
use_identity_as_username true
tls_version tlsv1.3
allow_anonymous false
acl_file {folder / "acl"}
user {run_as}
persistence true
persistence_location {folder}/
autosave_interval 1
autosave_on_changes true
max_queued_messages 100000
message_size_limit 131072
log_dest file {folder / "mosquitto.log"}
"""


def start_broker(
    folder: Path, port: int, *, certificate: Path, key: Path, authority: Path, bed_names: Sequence[str], cloud_name: str
) -> subprocess.Popen[bytes]:
    """Starts Mosquitto and returns when it listens. Raises Misconfigured when it is not installed, Transient when it does not come up."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        raise Misconfigured(
            "The broker Mosquitto is not installed; `make setup` installs it (Debian package mosquitto)."
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "acl").write_text(access_list(bed_names, cloud_name))
    (folder / "acl").chmod(0o600)
    (folder / "mosquitto.conf").write_text(configuration(folder, port, certificate, key, authority, "root"))
    with (folder / "mosquitto.out").open("ab") as output:
        child = subprocess.Popen(
            [program, "-c", str(folder / "mosquitto.conf")],
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline_s = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline_s and child.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return child
        time.sleep(0.05)
    child.kill()
    said = (folder / "mosquitto.log").read_text()[-500:] if (folder / "mosquitto.log").exists() else "nothing"
    raise Transient(f"The broker did not start within {START_LIMIT_S:.0f} s; it said: {said}")
