"""Looks that are written down once a session: a page that asks every few seconds is one look, not a thousand entries.

What was written down is remembered by the process, at most 20,000 looks, the oldest forgotten first: a look that was
forgotten, or that comes by another process, is written down again. Nothing is ever left out.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from cloud import audit
from cloud.accounts.service import SignedIn
from cloud.database import in_transaction

MOST = 20_000
FRAMES_A_SPAN = 900
"""Frames are written down by spans of 30 s: a recording that plays is an entry each half minute."""


class Looks:
    """What the sessions of one process looked at."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str, str, str], None] = OrderedDict()

    async def note(
        self,
        viewer: SignedIn,
        deed: str,
        site: str,
        subject: str,
        details: Mapping[str, audit.Detail] | None = None,
    ) -> None:
        """Audits the look unless this session did the very same before."""
        key = (viewer.session, deed, subject, repr(sorted((details or {}).items())))
        if key in self._known:
            self._known.move_to_end(key)
            return
        async with in_transaction() as connection:
            await audit.record(connection, viewer.principal, deed, site=site, subject=subject, details=details)
        self._known[key] = None
        while len(self._known) > MOST:
            self._known.popitem(last=False)

    async def note_frames(self, viewer: SignedIn, site: str, subject: str, stream: str, first: int, count: int) -> None:
        """Audits the spans of 900 frames in which the asked frames lie."""
        for span in range(first // FRAMES_A_SPAN, (first + count - 1) // FRAMES_A_SPAN + 1):
            frames: dict[str, audit.Detail] = {
                "stream": stream,
                "first": span * FRAMES_A_SPAN,
                "last": (span + 1) * FRAMES_A_SPAN - 1,
            }
            await self.note(viewer, "frames_read", site, subject, frames)
