"""A real S3 for tests: Debian's OpenStack Swift with s3api, one a run, on ports and in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from pydantic import SecretStr

from cloud.settings import ObjectsSection
from tests.brokers import free_port
from tests.waiting import wait_for

ACCESS_KEY, SECRET_KEY = "deepepil:edge", "edgesecret"
KINDS = ("object", "container", "account")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SMALLEST_PART_BYTES = 5_242_880

_SERVER = """[DEFAULT]
devices = {folder}/node
mount_check = false
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {folder}/etc
log_address =
log_udp_host =
log_level = ERROR
recon_cache_path = {folder}/cache
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""
_CLUSTER = """[swift-hash]
swift_hash_path_prefix = deepepil
swift_hash_path_suffix = deepepil
[storage-policy:0]
name = default
default = yes
"""
_PROXY = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {folder}/etc
log_address =
log_level = ERROR
[pipeline:main]
pipeline = catch_errors proxy-logging cache listing_formats bulk tempurl s3api tempauth copy slo dlo symlink proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
[filter:tempauth]
use = egg:swift#tempauth
user_deepepil_edge = edgesecret .admin
[filter:s3api]
use = egg:swift#s3api
s3_acl = false
dns_compliant_bucket_names = true
min_segment_size = {smallest}
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{memory_port}
"""
_FILTERS = ("catch_errors", "proxy-logging", "listing_formats", "bulk", "tempurl", "copy", "slo", "dlo", "symlink")


def swift_programs() -> None:
    """Skips the test where Swift is not installed; `make setup` installs it where apt can."""
    for name in ("swift-proxy-server", "swift-ring-builder", "memcached"):
        if shutil.which(name, path=SYSTEM_PATH) is None:
            pytest.skip(f"{name} is not installed; `make setup` brings it where apt-get works.")


class Swift:
    """One Swift; `kill` and `start` again keep what it stores."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._memory_port = free_port()
        self._children: list[subprocess.Popen[bytes]] = []
        self._user = pwd.getpwuid(os.geteuid()).pw_name
        self._lay_out()

    @property
    def endpoint(self) -> str:
        """Where its S3 answers."""
        return f"http://127.0.0.1:{self.port}"

    def section(self, bucket: str) -> ObjectsSection:
        """The settings that name a bucket of it, which is made where it is missing."""
        section = ObjectsSection(
            url=f"s3://{bucket}/here", endpoint=self.endpoint, access_key=ACCESS_KEY, secret_key=SecretStr(SECRET_KEY)
        )
        from cloud.s3_client import S3Client

        S3Client(section).make_bucket()
        return section

    def _lay_out(self) -> None:
        etc = self.folder / "etc"
        for name in ("etc", "node/d1", "cache", "log"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (etc / "swift.conf").write_text(_CLUSTER)
        for kind in KINDS:
            port = free_port()
            (etc / f"{kind}-server.conf").write_text(
                _SERVER.format(folder=self.folder, port=port, kind=kind, user=self._user)
            )
            for step in ("create 3 1 1", f"add r1z1-127.0.0.1:{port}/d1 1", "rebalance"):
                command = ["swift-ring-builder", f"{kind}.builder", *step.split()]
                subprocess.run(command, cwd=etc, env=self._environment, capture_output=True, check=True)
        more = "".join(f"[filter:{name}]\nuse = egg:swift#{name.replace('-', '_')}\n" for name in _FILTERS)
        values = {"folder": self.folder, "port": self.port, "user": self._user, "memory_port": self._memory_port}
        (etc / "proxy-server.conf").write_text(_PROXY.format(smallest=SMALLEST_PART_BYTES, **values) + more)

    @property
    def _environment(self) -> dict[str, str]:
        return {"PATH": SYSTEM_PATH, "HOME": str(self.folder), "LANG": "C.UTF-8"}

    def start(self) -> None:
        """Returns when it answers."""
        memory = ["memcached", "-l", "127.0.0.1", "-p", str(self._memory_port), "-u", self._user]
        self._run("memcached", memory)
        for kind in (*KINDS, "proxy"):
            self._run(kind, [f"swift-{kind}-server", str(self.folder / "etc" / f"{kind}-server.conf")])
        wait_for(self._answers, "Swift's answer", 150)

    def _run(self, name: str, command: list[str]) -> None:
        with (self.folder / "log" / f"{name}.log").open("ab") as log:
            child = subprocess.Popen(
                command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder
            )
        self._children.append(child)

    def _answers(self) -> bool:
        ended = [child.args for child in self._children if child.poll() is not None]
        assert not ended, f"{ended} ended: {self.log}"
        ports = [self.port, *(int(self._port_of(kind)) for kind in KINDS)]
        for port in ports:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) != 0:
                    return False
        return True

    def _port_of(self, kind: str) -> str:
        text = (self.folder / "etc" / f"{kind}-server.conf").read_text()
        return text.split("bind_port = ")[1].split("\n")[0]

    def kill(self) -> None:
        """All its processes at once."""
        for child in self._children:
            with suppress(ProcessLookupError):
                child.kill()
            child.wait()
        self._children.clear()

    @property
    def log(self) -> str:
        """What its processes said so far."""
        return "\n".join(path.read_text(errors="replace")[-2_000:] for path in sorted((self.folder / "log").iterdir()))


@contextmanager
def swift_in(folder: Path) -> Iterator[Swift]:
    """A Swift that runs for the time of the block."""
    swift_programs()
    swift = Swift(folder)
    try:
        swift.start()
        yield swift
    finally:
        swift.kill()
