"""Mosquitto for one machine: mutual TLS, one certificate a bed, each bed bound to its own topics. A child process."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from cloud.demo.configs import Certificates
from shared.errors import Misconfigured, Transient
from shared.topics import ROOT, RULES

START_LIMIT_S = 15.0
STOP_LIMIT_S = 10.0


def access_list(bed_names: Sequence[str], cloud_name: str) -> str:
    """The broker's access list: `site.bed` may write what a bed gives and read what is for it; the cloud the reverse."""
    lines = [f"user {cloud_name}"]
    for topic, rule in RULES.items():
        lines.append(f"topic {'read' if rule.from_bed else 'write'} {ROOT}/+/+/{topic.value}")
    for name in bed_names:
        site, _, bed = name.partition(".")
        lines += ["", f"user {name}"]
        for topic, rule in RULES.items():
            lines.append(f"topic {'write' if rule.from_bed else 'read'} {ROOT}/{site}/{bed}/{topic.value}")
    return "\n".join(lines) + "\n"


def configuration(folder: Path, port: int, files: Certificates) -> str:
    """mosquitto.conf: TLS 1.3 with client certificates whose name is the user; what it holds is saved on every change."""
    return f"""listener {port} 127.0.0.1
cafile {files.authority}
certfile {files.certificate}
keyfile {files.key}
require_certificate true
use_identity_as_username true
tls_version tlsv1.3
allow_anonymous false
acl_file {folder / "acl"}
user root
persistence true
persistence_location {folder}/
autosave_interval 1
autosave_on_changes true
max_queued_messages 100000
message_size_limit 131072
log_dest file {folder / "mosquitto.log"}
"""


class Broker:
    """One Mosquitto in a folder of its own; it may be started again after it ended."""

    def __init__(self, folder: Path, port: int, files: Certificates) -> None:
        self.log = folder / "mosquitto.log"
        self._folder = folder
        self._port = port
        self._files = files
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def ended(self) -> bool:
        return self._child is not None and self._child.poll() is not None

    def allow(self, bed_names: Sequence[str], cloud_name: str) -> None:
        """Writes who may use which topics."""
        self._folder.mkdir(parents=True, exist_ok=True)
        acl = self._folder / "acl"
        acl.write_text(access_list(bed_names, cloud_name))
        acl.chmod(0o600)

    def start(self) -> None:
        """Returns when it listens. Raises Misconfigured when it is not installed, Transient when it does not come up."""
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
        if program is None:
            raise Misconfigured("The broker Mosquitto is not installed; `make setup` installs it.", package="mosquitto")
        settings = self._folder / "mosquitto.conf"
        settings.write_text(configuration(self._folder, self._port, self._files))
        with (self._folder / "mosquitto.out").open("ab") as said:
            self._child = subprocess.Popen([program, "-c", settings], stdout=said, stderr=said, start_new_session=True)
        deadline_s = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline_s and not self.ended:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            time.sleep(0.05)
        self.stop()
        last = self.log.read_text()[-500:] if self.log.exists() else "nothing"
        raise Transient(f"The broker did not start within {START_LIMIT_S:.0f} s; it said: {last}")

    def kill(self) -> None:
        """Ends it at once."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()

    def stop(self) -> None:
        """Asks it to stop, and kills it when it does not within 10 s."""
        if self._child is None:
            return
        self._child.terminate()
        try:
            self._child.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
