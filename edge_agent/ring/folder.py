"""The folder of one bed: its parts, whose it is, and who works in it now."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

from pydantic import Field

from shared.contract import Contract, read_contract
from shared.errors import Misconfigured, Refused, Transient
from shared.ids import BedName, SiteName

OPEN = "open"
SEGMENTS = "segments"
QUARANTINE = "quarantine"
PROXIES = "proxies"
RUN = "run"
PARTS = (OPEN, SEGMENTS, QUARANTINE, PROXIES, RUN)
IDENTITY = "identity.json"
OPENED = "opened"
_LOCK_TRY_S = 0.1


class Identity(Contract):
    """Whose folder this is; `folder_id` tells a folder from a copy of it under the same name."""

    folder_id: UUID
    site: SiteName
    bed: BedName
    layout: int = Field(default=0, ge=0, le=0)


def prepare_folder(folder: Path, site: str, bed: str, *, own_disk: bool = False) -> Identity:
    """Makes what is missing, and refuses the folder of another bed. Raises Misconfigured with a sentence.

    own_disk: the folder must lie on another disk than the system, so that a disk that is not mounted is found out.
    """
    if own_disk and not on_own_disk(folder):
        raise Misconfigured(
            f"The folder {folder} lies on the system's disk, and storage.own_disk asks for another: is its disk mounted?"
        )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for part in PARTS:
            (folder / part).mkdir(mode=0o700, exist_ok=True)
        if not (folder / IDENTITY).exists():
            _claim(folder, Identity(folder_id=uuid4(), site=site, bed=bed))
    except OSError as error:
        raise Misconfigured(f"The storage folder {folder} cannot be used: {error.strerror}.") from error
    identity = read_identity(folder)
    if (identity.site, identity.bed) != (site, bed):
        raise Misconfigured(
            f"The folder {folder} belongs to bed {identity.bed} of site {identity.site}, not to {bed} of {site}."
        )
    return identity


def read_identity(folder: Path) -> Identity:
    """Raises Misconfigured when the folder is no bed's."""
    try:
        return read_contract(Identity, (folder / IDENTITY).read_bytes())
    except (OSError, Refused) as error:
        raise Misconfigured(f"{folder} is not the folder of a bed: its {IDENTITY} cannot be read.") from error


def on_own_disk(folder: Path) -> bool:
    """The file system of the folder, or of the nearest of its parents that is there, is not that of `/`."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return there.stat().st_dev != Path("/").stat().st_dev


def times_opened(folder: Path) -> int:
    """How often an agent began to work in this folder, by the folder's own word; 0 before the first time."""
    try:
        return int((folder / OPENED).read_text())
    except (OSError, ValueError):
        return 0


def note_opened(folder: Path, times: int) -> None:
    """Writes that count, whole or not at all, and durable. Raises OSError."""
    partial = folder / f"{OPENED}.partial"
    with partial.open("w") as file:
        file.write(f"{times}\n")
        file.flush()
        os.fsync(file.fileno())
    partial.rename(folder / OPENED)
    sync_folder(folder)


def _claim(folder: Path, identity: Identity) -> None:
    """Two processes may start at once: a link fails for the second, and the first's identity stays."""
    mine = folder / f"{IDENTITY}.{os.getpid()}"
    with mine.open("w") as file:
        file.write(json.dumps(identity.model_dump(mode="json"), indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        (folder / IDENTITY).hardlink_to(mine)
    except FileExistsError:
        return
    finally:
        mine.unlink()
        sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Makes names that were added to or removed from a folder durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(folder: Path, who: str, wait_s: float = 0.0) -> Iterator[None]:
    """Holds the lock of one process (or of the supervisor) of the folder; it goes with the process, however that ends.

    The supervisor's is on the identity file itself: whichever path, link or mount leads to the folder, it is one file.
    Raises Transient with a sentence when another holds it longer than `wait_s`.
    """
    path = folder / IDENTITY if who == "supervisor" else folder / RUN / f"{who}.lock"
    create = 0 if who == "supervisor" else os.O_CREAT
    descriptor = os.open(path, os.O_RDWR | create | os.O_CLOEXEC, 0o600)
    try:
        _take(descriptor, folder, who, wait_s)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, folder: Path, who: str, wait_s: float) -> None:
    tries = max(1, round(wait_s / _LOCK_TRY_S))
    for attempt in range(tries):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if attempt + 1 < tries:
                time.sleep(_LOCK_TRY_S)
        else:
            return
    name = "agent" if who == "supervisor" else who
    raise Transient(f"Another {name} uses the folder {folder}; stop it first.")


def refuse_while_running(folder: Path) -> None:
    """Raises Transient when any process of the bed works in the folder, also one that was started alone."""
    for path in (folder / RUN).glob("*.lock"):
        if is_locked(folder, path.stem):
            raise Transient(f"The process {path.stem} works in the folder {folder}; stop it first.")


def is_locked(folder: Path, who: str = "supervisor") -> bool:
    """True while a process holds that lock."""
    try:
        with locked(folder, who):
            return False
    except Transient:
        return True
    except FileNotFoundError:
        return False
