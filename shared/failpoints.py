"""Named points of the code at which a fault campaign may end the process or fail the call; nothing happens unless one is armed.

Armed by the environment of a process, never by a setting or a message: `DEEPEPIL_FAILPOINTS="after_segment_fsync=kill@3"`
ends the process at the third hit; several are separated by commas. `DEEPEPIL_FAILPOINT_LOG=FILE` appends the name of each
point at its first hit in a process, so that a campaign can say how many of the known points it reached.
"""

from __future__ import annotations

import errno
import os
import signal
from dataclasses import dataclass

from shared.errors import Misconfigured

ARMED_VARIABLE = "DEEPEPIL_FAILPOINTS"
LOG_VARIABLE = "DEEPEPIL_FAILPOINT_LOG"

STORAGE_POINTS: dict[str, str] = {
    "after_segment_begin": "a new open file has its header, nothing else",
    "after_segment_flush": "the open file was flushed (each second)",
    "before_segment_footer": "sealing began, index and footer are not written",
    "after_segment_footer": "index and footer are written, not on disk for sure",
    "after_segment_fsync": "the sealed bytes are on disk, under the open name",
    "after_segment_rename": "the file has its final name, the folders are not flushed",
    "after_segment_folder_fsync": "the name is on disk, the catalogue knows nothing",
    "after_segment_row": "the catalogue row is committed, nobody was told",
    "after_eviction_row": "a segment is on the garbage list, its file is still there",
    "after_eviction_unlink": "the file is gone, the garbage list still names it",
    "after_recovery_cut": "an open file that was left is cut after its last whole record",
    "after_recovery_seal": "a recovered file is sealed, the catalogue knows nothing",
    "after_quarantine_rename": "a file was moved to the quarantine, the folders are not flushed",
}
DELIVERY_POINTS: dict[str, str] = {
    "before_outbox_commit": "event, message and pin are written in one transaction that is not committed",
    "after_outbox_commit": "the event is durable at the bed, nobody was told",
    "after_publish_before_mark": "a message was handed to the broker's connection, nothing notes it",
    "after_puback_before_receipt": "the broker has the message, the cloud said nothing",
    "after_receipt_before_delete": "the receipt was read, its message is still in the outbox",
    "after_receipt_delete": "the message left the outbox by its receipt",
    "before_put_back_commit": "what the cloud lacks is queued again in a transaction that is not committed",
    "before_event_commit": "event, review task and job are written in the cloud, not committed",
    "after_event_commit_before_receipt": "the cloud has the event, its bed does not know",
    "after_receipt_before_ack": "the receipt was handed to the broker, the message is not acknowledged",
    "before_comparison_commit": "the differences of a page are written in the cloud, not committed",
}
TRANSFER_POINTS: dict[str, str] = {
    "after_chunk_read_before_put": "the bed holds a chunk's bytes in memory, nothing of it has left",
    "after_chunk_sent_before_note": "the cloud acknowledged a chunk, the bed's plan does not know",
    "after_object_completed_before_note": "the cloud called an object stored, the bed's plan does not know",
    "after_clip_receipt_before_unpin": "the cloud called the clip stored or released, the pin is still there",
    "after_unpin_before_proxy_removal": "the pin is gone, the clip's proxy files are still there",
    "after_chunk_put_before_mark": "a chunk is flushed in the cloud's folder, its row is not written",
    "after_object_stored_before_row": "the store holds the whole object, read back; no row says so",
    "after_complete_before_receipt": "the row says stored and is committed, the bed was not told",
}
POINTS: dict[str, str] = STORAGE_POINTS | DELIVERY_POINTS | TRANSFER_POINTS
"""Every point there is, with what holds at it. Each is hit by exactly one line of the code (kept by tests/rules)."""

_ACTIONS = {"kill": 0, "eio": errno.EIO, "enospc": errno.ENOSPC}


@dataclass(slots=True)
class _Plan:
    """What shall happen at one point: the action, and how many hits are left until it does."""

    action: str
    left: int


def read_plans(text: str) -> dict[str, _Plan]:
    """The armed points of the variable's text. Raises Misconfigured for a point or an action that does not exist."""
    plans: dict[str, _Plan] = {}
    for part in filter(None, text.split(",")):
        name, _, rest = part.partition("=")
        action, _, nth = rest.partition("@")
        if name not in POINTS:
            raise Misconfigured(f"{ARMED_VARIABLE} names the failpoint {name}, which does not exist.")
        if action not in _ACTIONS or (nth and not nth.isdecimal()):
            raise Misconfigured(f"{ARMED_VARIABLE}: {part} is not NAME=kill|eio|enospc with @COUNT after it if wished.")
        plans[name] = _Plan(action, max(1, int(nth or 1)))
    return plans


_plans = read_plans(os.environ.get(ARMED_VARIABLE, ""))
_log = os.environ.get(LOG_VARIABLE, "")
_seen: set[str] = set()


def hit(name: str) -> None:
    """The code has reached the point. Raises OSError when the armed action says so; may not return at all."""
    if not _plans and not _log:
        return
    if _log and name not in _seen:
        _seen.add(name)
        descriptor = os.open(_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        os.write(descriptor, f"{name}\n".encode())
        os.close(descriptor)
    plan = _plans.get(name)
    if plan is None:
        return
    plan.left -= 1
    if plan.left == 0:
        if plan.action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        code = _ACTIONS[plan.action]
        raise OSError(code, f"failpoint {name}: {os.strerror(code)}")
