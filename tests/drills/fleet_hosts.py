"""Hosts for the fleet's drills: Debian 12 chroots in network namespaces of their own, reached over real SSH. Needs root.

Each host has a link to this machine and no route anywhere: Debian's packages come through a proxy here, as from a hospital's mirror.
No service manager runs in them, so a stand-in (`policy-rc.d`) forbids packages to start services; nothing is started.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.drills.package_mirror import PackageMirror

PREFIX = "deepepil-fleet-"
BRIDGE = "dpfleet0"
NETWORK = "10.213.77"
MIRROR_PORT = 3142
BASE = Path("build/fleet/base.tar")
BARE = "openssh-server,python3,ca-certificates,iproute2,systemd,systemd-sysv,sudo,dbus"
"""What Debian's installer leaves on a server, as far as the drills need it."""
SUITE = "bookworm"
DEBIAN = "http://deb.debian.org/debian"
START_LIMIT_S = 60.0
NO_START = "#!/bin/sh\nexit 101\n"


def run(*command: str | Path, limit_s: float = 600.0) -> str:
    """A command of this machine; its output. Fails with what it said."""
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit_s)
    if found.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed: {(found.stdout + found.stderr)[-2_000:]}")
    return found.stdout


def make_base() -> Path:
    """The bare Debian as a tar, made once by debootstrap and kept in build/."""
    if BASE.exists():
        return BASE
    if shutil.which("debootstrap") is None:
        raise SystemExit("debootstrap is missing; `apt-get install debootstrap` brings it.")
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
        root = Path(folder) / "base"
        run(
            "nice",
            "-n",
            "15",
            "debootstrap",
            "--variant=minbase",
            f"--include={BARE}",
            SUITE,
            root,
            DEBIAN,
            limit_s=1_800,
        )
        for path in (root / "var/cache/apt/archives").glob("*.deb"):
            path.unlink()
        BASE.parent.mkdir(parents=True, exist_ok=True)
        partial = BASE.with_suffix(".part")
        run("tar", "-C", root, "-cf", partial.resolve(), ".")
        partial.replace(BASE)
    return BASE


@dataclass(slots=True)
class Host:
    """One chroot with its namespace. `address` is reached from this machine and from the other hosts."""

    name: str
    address: str
    root: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def namespace(self) -> str:
        return f"{PREFIX}{self.name}"

    def lay(self, base: Path, public_key: str) -> None:
        """Unpacks Debian; this machine's key may log in as root, packages come from here, nothing is started."""
        self.root.mkdir(parents=True)
        run("tar", "-C", self.root, "-xpf", base)
        (self.root / "etc/hostname").write_text(f"{self.name}\n")
        (self.root / "etc/resolv.conf").write_text("")
        (self.root / "etc/hosts").write_text(f"127.0.0.1 localhost\n{self.address} {self.name}\n")
        (self.root / "etc/apt/apt.conf.d/01mirror").write_text(
            f'Acquire::http::Proxy "http://{NETWORK}.1:{MIRROR_PORT}";\nAcquire::Languages "none";\n'
        )
        policy = self.root / "usr/sbin/policy-rc.d"
        policy.write_text(NO_START)
        policy.chmod(0o755)
        keys = self.root / "root/.ssh/authorized_keys"
        keys.parent.mkdir(mode=0o700, exist_ok=True)
        keys.write_text(public_key)
        run("chroot", self.root, "ssh-keygen", "-A")

    def start(self) -> None:
        """Namespace, link, a shell as process 1 and sshd below it; returns when it answers.

        Process 1 lies outside the chroot: so systemctl knows that it is in one, and sets up without starting.
        """
        link = f"dpf-{self.name}"[:15]
        run("ip", "netns", "add", self.namespace)
        run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", self.namespace)
        run("ip", "link", "set", link, "master", BRIDGE, "up")
        for command in (
            ("address", "add", f"{self.address}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("link", "set", "lo", "up"),
        ):
            run("ip", "-n", self.namespace, *command)
        root, memory = self.root, self.root / "dev" / "shm"
        script = (
            f'mount --make-rprivate / && mount -t proc proc "{root}/proc" && mount -t sysfs sysfs "{root}/sys"'
            f' && mount -t tmpfs tmpfs "{root}/run" && mkdir -p "{root}/run/sshd" "{memory}" "{root}/dev/pts"'
            f' && mount -t tmpfs tmpfs "{memory}" && mount -t devpts -o newinstance,ptmxmode=0666 devpts "{root}/dev/pts"'
            f' && hostname {self.name} && {{ chroot "{root}" /usr/sbin/sshd -D -e; exit $?; }}'
        )
        with (self.root.parent / f"{self.name}.log").open("wb") as log:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", self.namespace, "unshare", "--mount", "--uts", "--pid", "--fork",
                 "--kill-child=SIGKILL", "bash", "-c", script],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection((self.address, 22), 2):
                return
            time.sleep(0.2)
        raise SystemExit(f"sshd of {self.name} did not answer within {START_LIMIT_S:.0f} s.")

    @property
    def has_no_route(self) -> bool:
        """Whether nothing but its own link can be reached."""
        return not run("ip", "-n", self.namespace, "route", "show", "default").strip()

    def end(self) -> None:
        """All its processes, mounts, link and namespace are gone afterwards."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(30)
        subprocess.run(["ip", "netns", "delete", self.namespace], capture_output=True, check=False)


@dataclass(slots=True)
class Fleet:
    """The hosts of one drill, with the key and the known hosts that Ansible's SSH uses."""

    folder: Path
    hosts: list[Host] = field(default_factory=list)

    @property
    def key(self) -> Path:
        return self.folder / "id"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    def add(self, name: str, number: int) -> Host:
        """One more host at .NUMBER, laid from the base and running."""
        host = Host(name, f"{NETWORK}.{number}", self.folder / name)
        self.hosts.append(host)
        host.lay(make_base(), self.key.with_suffix(".pub").read_text())
        public = (host.root / "etc/ssh/ssh_host_ed25519_key.pub").read_text().split()
        with self.known_hosts.open("a") as file:
            file.write(f"{host.address} {public[0]} {public[1]}\n")
        host.start()
        return host


@contextmanager
def fleet() -> Iterator[Fleet]:
    """A bridge and a mirror for the time of the block; all that was made is taken away at its end."""
    if os.geteuid() != 0:
        raise SystemExit("Namespaces and chroots need root.")
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir="/var/tmp"))
    found = Fleet(folder)
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", found.key)
    try:
        run("ip", "link", "add", BRIDGE, "type", "bridge")
        run("ip", "address", "add", f"{NETWORK}.1/24", "dev", BRIDGE)
        run("ip", "link", "set", BRIDGE, "up")
        with PackageMirror(f"{NETWORK}.1", MIRROR_PORT, Path("build/fleet/packages")):
            yield found
    finally:
        for host in found.hosts:
            host.end()
        subprocess.run(["ip", "link", "delete", BRIDGE], capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)


def play(found: Fleet, inventory: Path, playbook: str, more: Sequence[str] = (), limit_s: float = 3_000.0) -> str:
    """Runs one of our playbooks over SSH; its output, also when it failed, as it comes."""
    programs = Path(".venv-ansible/bin").resolve()
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(found.folder), "LANG": "C.UTF-8",
        "ANSIBLE_HOME": str(found.folder / "ansible"), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_DEPRECATION_WARNINGS": "False",
        "ANSIBLE_SSH_ARGS": f"-o UserKnownHostsFile={found.known_hosts} -o ControlMaster=auto -o ControlPersist=60s",
        "ANSIBLE_PRIVATE_KEY_FILE": str(found.key),
    }  # fmt: skip
    command = [str(programs / "ansible-playbook"), "-i", str(inventory), f"playbooks/{playbook}", *more]
    lines = []
    with subprocess.Popen(
        command, cwd="ansible", env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        deadline = time.monotonic() + limit_s
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if line.startswith(("TASK", "PLAY", "fatal", "changed", "RUNNING")):
                print(f"    {line.rstrip()[:160]}", flush=True)
            if time.monotonic() > deadline:
                process.kill()
    return "".join(lines)
