"""The privacy switch at the bed: while it is on nobody watches. A file beside the ring, so that it outlives restart and repair.

Recording goes on: that is the pause's matter, which the cloud knows of.
"""

from __future__ import annotations

import os
from pathlib import Path

from shared.errors import Transient

PRIVACY_FILE = "privacy"


def is_private(folder: Path) -> bool:
    """Whether the switch is on; a folder that cannot be looked into counts as on."""
    try:
        (folder / PRIVACY_FILE).stat()
    except FileNotFoundError:
        return not folder.is_dir()
    except OSError:
        return True
    return True


def set_private(folder: Path, *, on: bool) -> None:
    """Turns the switch, on the disk for good. Raises Transient when the disk does not take it; it then stands as it stood."""
    path = folder / PRIVACY_FILE
    try:
        if on:
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o640))
        else:
            path.unlink(missing_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise Transient(f"The privacy switch {path} cannot be turned: {error.strerror}.") from error
