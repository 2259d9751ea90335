"""What an answer of the cloud or the store may mean to an upload. None of them counts as stored."""

from __future__ import annotations

from shared.clip import MissingObject
from shared.errors import Refused, Transient


class Absent(Transient):
    """404: the cloud does not know the event or the object (yet)."""


class ChunkRefused(Transient):
    """The bytes of a chunk did not arrive as they were sent."""


class CertificateRefused(Transient):
    """401 or 403 of the cloud: not the clip is refused but the bed; a person must look."""


class StoreNotAllowed(Transient):
    """The cloud names a store that the bed's settings do not."""


class TooManyClips(Transient):
    """429 on a manifest: this clip waits, others go on."""


class Incomplete(Transient):
    """409 on complete: `missing` names what the cloud lacks."""

    def __init__(self, sentence: str, missing: MissingObject) -> None:
        super().__init__(sentence)
        self.missing = missing


class LostAtBed(Refused):
    """A file that the clip names is gone, damaged or unreadable here; `reason` continues "the segment …"."""

    def __init__(self, sentence: str, reason: str) -> None:
        super().__init__(sentence)
        self.reason = reason
