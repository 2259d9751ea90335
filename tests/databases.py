"""Debian's PostgreSQL for tests: a server of its own a run, in a folder of its own, reached by a Unix socket."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cloud.database import DatabaseAddress
from tests.brokers import free_port

PROGRAMS = Path("/usr/lib/postgresql")
OLDEST = 15
QUICK = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")
"""Most tests need nothing that survives a power cut."""


def debian_programs() -> Path | None:
    """Where the newest installed server's programs lie; None where there is none of version 15 or newer."""
    found = [path for path in PROGRAMS.glob("*/bin") if path.parent.name.isdigit() and (path / "initdb").exists()]
    new_enough = [path for path in found if int(path.parent.name) >= OLDEST]
    return max(new_enough, key=lambda path: int(path.parent.name), default=None)


class DebianPostgres:
    """One server. It may be killed and started again with its data."""

    def __init__(self, programs: Path, folder: Path, options: tuple[str, ...] = QUICK) -> None:
        self._programs = programs
        self._options = options
        self.folder = folder
        self.port = free_port()
        self._data = folder / "data"
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        if os.geteuid() == 0:  # the server refuses to run as root
            owner = pwd.getpwnam("postgres")
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        self._run(
            "initdb", "-D", str(self._data), "-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"
        )

    def _run(self, program: str, *arguments: str) -> None:
        as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        command = [*as_postgres, str(self._programs / program), *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{program}: {done.stdout[-2_000:]}{done.stderr[-2_000:]}"

    def start(self) -> DatabaseAddress:
        """Returns when it takes connections."""
        settings = ("listen_addresses=", f"unix_socket_directories={self.folder}", *self._options)
        words = " ".join([f"-p {self.port}", *(f"-c {setting}" for setting in settings)])
        self._run(
            "pg_ctl", "-D", str(self._data), "-w", "-t", "60", "-l", str(self.folder / "log"), "-o", words, "start"
        )
        return DatabaseAddress(str(self.folder), self.port, "postgres", "", "postgres")

    def stop(self, mode: str = "immediate") -> None:
        """`immediate` is a crash: no tidying up, the log is replayed at the next start."""
        self._run("pg_ctl", "-D", str(self._data), "-w", "-m", mode, "stop")


@contextmanager
def debian_postgres(programs: Path, options: tuple[str, ...] = QUICK) -> Iterator[DatabaseAddress]:
    """A server for the time of the block; its data are thrown away."""
    folder = Path(tempfile.mkdtemp(prefix="deepepil-debian-pg-", dir="/tmp"))
    server = DebianPostgres(programs, folder, options)
    address = server.start()
    try:
        yield address
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
