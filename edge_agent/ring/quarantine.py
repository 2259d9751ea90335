"""Files that cannot be trusted are put aside, never deleted at once: for ops to look at, bounded by the evictor."""

from __future__ import annotations

from pathlib import Path

from edge_agent.ring.folder import QUARANTINE, sync_folder
from shared.failpoints import hit


def put_aside(folder: Path, path: Path) -> Path:
    """Moves a file of the bed's folder into its quarantine and makes the move durable. Raises OSError."""
    target = folder / QUARANTINE / path.name
    left = path.parent
    path.rename(target)
    hit("after_quarantine_rename")
    sync_folder(folder / QUARANTINE)
    sync_folder(left)
    return target


def bound_quarantine(folder: Path, most_bytes: float) -> list[str]:
    """Removes the oldest files beyond `most_bytes` together, and returns their names. Raises OSError."""
    found = sorted(((path.stat().st_mtime_ns, path) for path in (folder / QUARANTINE).iterdir()), reverse=True)
    removed: list[str] = []
    left = most_bytes
    for _, path in found:
        left -= path.stat().st_size
        if left < 0:
            path.unlink()
            removed.append(path.name)
    return removed
