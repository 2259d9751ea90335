"""How an agent begins to work in a bed's folder: database sound, of this folder, as new as this folder; then it is counted.

Both keep how often they were opened. A database restored from a copy, or an old disk mounted again, has the lower count.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from edge_agent.database import REPAIR, database_path, open_database, transaction
from edge_agent.ring.folder import Identity, note_opened, times_opened
from shared.clock import NS_PER_S, Clock
from shared.errors import Broken, Transient

QUICK_CHECK_NS = 10 * NS_PER_S
_STEPS_BETWEEN_LOOKS = 10_000


def begin_work(folder: Path, identity: Identity, clock: Clock) -> None:
    """What an agent does first with the folder's lock held: proves that the database is sound and this folder's, and counts.

    The pages of the file are checked for ten seconds at most. Raises Broken or Misconfigured with a sentence, Transient
    when the file is locked.
    """
    connection = open_database(folder)
    end_ns = clock.monotonic_ns() + QUICK_CHECK_NS
    try:
        said = damage_of(connection, "quick_check", lambda: clock.monotonic_ns() > end_ns)
        if said is not None:
            raise Broken(f"The database {database_path(folder)} is damaged: {said}; {REPAIR.format(folder=folder)}.")
        sentence = sound_identity(connection, folder, identity)
        if sentence is not None:
            raise Broken(sentence)
        count_opening(connection, folder, identity)
    finally:
        connection.close()


def damage_of(connection: sqlite3.Connection, check: str, late: Callable[[], bool] = lambda: False) -> str | None:
    """What `quick_check` or `integrity_check` finds first, None when nothing or when it is `late`. Raises Transient."""
    connection.set_progress_handler(lambda: int(late()), _STEPS_BETWEEN_LOOKS)
    try:
        said = str(connection.execute(f"PRAGMA {check}(1)").fetchone()[0])
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            return None
        raise Transient(f"The database cannot be read now: {error}.") from error
    except sqlite3.DatabaseError as error:
        said = str(error)
    finally:
        connection.set_progress_handler(None, 0)
    return None if said == "ok" else said.replace("\n", " ")


def sound_identity(connection: sqlite3.Connection, folder: Path, identity: Identity) -> str | None:
    """A sentence when database and folder do not belong together or one was restored from an old copy, else None."""
    row = connection.execute("SELECT folder_id, site, bed FROM identity").fetchone()
    if row is not None and tuple(row) != (str(identity.folder_id), identity.site, identity.bed):
        return (
            f"The database {database_path(folder)} belongs to another folder, of bed {row['bed']} of site {row['site']}: it "
            f"was copied here; {REPAIR.format(folder=folder)}."
        )
    known, said = _opened(connection), times_opened(folder)
    if said > known == 0:
        return f"The database {database_path(folder)} is new although the folder was opened {said} times; {REPAIR.format(folder=folder)}."
    if said > known:
        return (
            f"The database {database_path(folder)} is older than its folder (opened {known} times, the folder {said}): it was "
            f"restored from a copy; {REPAIR.format(folder=folder)}."
        )
    if known > said + 1:
        return (
            f"The folder {folder} is older than its database (opened {said} times, the database {known}): is the right disk "
            f"mounted? If so, {REPAIR.format(folder=folder)}."
        )
    return None


def count_opening(connection: sqlite3.Connection, folder: Path, identity: Identity) -> None:
    """Writes whose the database is, and that work begins once more: first in the database, then in the folder."""
    times = max(_opened(connection), times_opened(folder)) + 1
    with transaction(connection):
        connection.execute(
            "INSERT OR REPLACE INTO identity (one, folder_id, site, bed) VALUES (1, ?, ?, ?)",
            (str(identity.folder_id), identity.site, identity.bed),
        )
        connection.execute("INSERT OR REPLACE INTO ring_state (name, value) VALUES ('opened', ?)", (times,))
    note_opened(folder, times)


def _opened(connection: sqlite3.Connection) -> int:
    found = connection.execute("SELECT value FROM ring_state WHERE name = 'opened'").fetchone()
    return 0 if found is None else int(found[0])
