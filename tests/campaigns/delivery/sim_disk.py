"""The disk of a simulated bed: a real SQLite file, and what of it is left after a power cut.

With `synchronous=FULL` SQLite flushes the log at each commit and writes nothing to it between commits of our size, so what
survives a cut between two commits is the files as they are. Within a commit any part of its frames may have reached the
disk, the last one torn: `watch_commit` and `tear` rebuild that. A connection that says less than FULL loses its whole log.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
from pathlib import Path

from edge_agent.database import database_path, open_database

FULL = 2
SECTOR = 512


class BedDisk:
    """One bed's folder; `template` is an empty bed's folder, made once."""

    def __init__(self, folder: Path, template: Path) -> None:
        self.folder = folder
        shutil.copytree(template, folder)
        self._database = database_path(folder)
        self._log = self._database.with_name(self._database.name + "-wal")
        self._log_before = 0

    def open(self) -> sqlite3.Connection:
        """As every process of the bed opens it."""
        return open_database(self.folder)

    def watch_commit(self) -> None:
        """A commit is about to begin: so much of the log is on the disk for sure."""
        self._log_before = self._log.stat().st_size if self._log.exists() else 0

    def cut_power(self, connection: sqlite3.Connection, dice: random.Random, *, torn: bool) -> None:
        """Closes the connection and puts back what a cut leaves. `torn`: it came within the last commit."""
        flushed = connection.execute("PRAGMA synchronous").fetchone()[0] >= FULL
        database, log = self._database.read_bytes(), self._log.read_bytes() if self._log.exists() else b""
        connection.close()
        if not flushed:
            log = b""
        elif torn and self._log_before < len(log):
            log = _torn(log, self._log_before, dice)
        self._database.write_bytes(database)
        self._database.with_name(self._database.name + "-shm").unlink(missing_ok=True)
        self._log.write_bytes(log)


def _torn(log: bytes, sure: int, dice: random.Random) -> bytes:
    """The log with only a part of its last frames, the last sector of them perhaps rubbish."""
    end = dice.randrange(sure, len(log))
    kept = bytearray(log[:end])
    if dice.random() < 0.5:
        start = max(sure, end - SECTOR)
        kept[start:end] = dice.randbytes(end - start)
    return bytes(kept)


def make_template(folder: Path) -> Path:
    """An empty bed's folder with its database, checkpointed: a bed begins as a copy of it."""
    for name in ("segments", "proxies"):
        (folder / name).mkdir(parents=True)
    connection = open_database(folder)
    connection.close()
    return folder
