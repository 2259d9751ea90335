"""Who may watch the bed now: takes offers, keeps the bound, ends all views when somebody turns the privacy switch.

In: offers and hang-ups in any order and number, the switch, the pause. Out: reports, by `tell`. Runs in one event loop.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from edge_agent.live.encoder import Shot
from edge_agent.live.offer import clean_offer
from edge_agent.settings import LiveSettings
from shared.clock import NS_PER_S, Clock
from shared.errors import DeepEpilError
from shared.frame import Stream
from shared.live_view import LiveHealth, LiveOffer, LiveViewer, ViewCause, ViewPhase, ViewReport

ANSWER_LIMIT_S = 6.0
JOIN_LIMIT_NS = 15 * NS_PER_S
LONGEST_NS = 3600 * NS_PER_S
"""Then the viewer asks again: an order to end that was lost on its way costs an hour at most."""
REPORTS_KEPT = 200
SENTENCES = {
    ViewCause.privacy: "Somebody at the bed turned the privacy switch on.",
    ViewCause.paused: "Recording is paused for privacy; nobody can watch the bed meanwhile.",
    ViewCause.full: "As many people watch this bed as it allows.",
    ViewCause.not_set_up: "Live view is not set up at this bed.",
    ViewCause.no_stream: "The camera of this bed gives no such picture.",
    ViewCause.expired: "The offer came too late by the bed's clock.",
    ViewCause.left: "The viewer ended it.",
    ViewCause.hung_up: "The page was closed, or its session was over.",
    ViewCause.line_lost: "The line to the viewer broke.",
    ViewCause.never_joined: "The browser did not reach the bed: it must be on a network that leads to it.",
    ViewCause.time_over: "An hour is over.",
    ViewCause.stopped: "The live view of this bed was restarted.",
}


class Connection(Protocol):
    """What this needs of a viewer's connection; `Viewing` is one."""

    async def answer(self, offer: str) -> str:
        """The answer. Raises Refused."""

    def give(self, shot: Shot) -> None:
        """The next shot, in the loop's thread."""

    async def close(self, cause: ViewCause, sentence: str) -> None:
        """Ends pictures, then the connection."""


Connect = Callable[[Callable[[], None], Callable[[ViewCause], None]], Connection]
"""Makes a connection from what is called when it joined and when it was lost."""
Watch = Callable[[Stream, Callable[[Shot], None]], Callable[[], None]]


@dataclass(slots=True)
class _View:
    offer: LiveOffer
    connection: Connection
    began_ns: int
    since_utc_ns: int
    leave: Callable[[], None] | None = None
    joined: bool = False


class Views:
    """One a bed. `reachable` says whether the box has an address on the network of the settings."""

    def __init__(
        self, live: LiveSettings, clock: Clock, connect: Connect, watch: Watch, tell: Callable[[ViewReport], None],
        reachable: Callable[[], bool],
    ) -> None:  # fmt: skip
        self.private = True
        """Until the switch was looked at."""
        self.paused = False
        self._live, self._clock, self._connect, self._watch, self._tell = live, clock, connect, watch, tell
        self._reachable = reachable
        self._views: dict[UUID, _View] = {}
        self._reports: OrderedDict[UUID, ViewReport] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def health(self) -> LiveHealth:
        """For the heartbeat."""
        viewers = [
            LiveViewer(viewer=each.offer.viewer, stream=each.offer.stream, since_utc_ns=each.since_utc_ns)
            for each in self._views.values()
        ]
        most = self._live.viewers if self._live.network else 0
        return LiveHealth(private=self.private, most_viewers=most, viewers=viewers)

    def take(self, offer: LiveOffer) -> None:
        """Begins a view, or refuses it; of one that is known the last report goes again."""
        known = self._reports.get(offer.view_id)
        if known is not None:
            self._tell(known)
            return
        if offer.view_id in self._views:
            return
        cause = self._hindrance(offer)
        if cause is not None:
            self._report(offer.view_id, ViewPhase.refused, cause)
            return
        try:
            sdp = clean_offer(offer.sdp, keep_addresses=bool(self._live.stun or self._live.turn))
            connection = self._connect(
                lambda: self._joined(offer.view_id), lambda cause: self.end(offer.view_id, cause)
            )
        except DeepEpilError as error:
            self._report(offer.view_id, ViewPhase.refused, ViewCause.bad_offer, error.sentence)
            return
        now_ns = self._clock.monotonic_ns()
        self._views[offer.view_id] = _View(offer, connection, now_ns, self._clock.utc_ns())
        self._do(self._answer(offer.view_id, sdp))

    def _hindrance(self, offer: LiveOffer) -> ViewCause | None:
        if not self._live.network or not self._reachable():
            return ViewCause.not_set_up
        if self.private or self.paused:
            return ViewCause.privacy if self.private else ViewCause.paused
        if self._clock.utc_ns() > offer.expires_utc_ns:
            return ViewCause.expired
        return ViewCause.full if len(self._views) >= self._live.viewers else None

    async def _answer(self, view_id: UUID, sdp: str) -> None:
        view = self._views[view_id]
        try:
            answer = await asyncio.wait_for(view.connection.answer(sdp), ANSWER_LIMIT_S)
        except (DeepEpilError, TimeoutError) as error:
            sentence = error.sentence if isinstance(error, DeepEpilError) else "The bed found no way out in time."
            if self._views.pop(view_id, None) is not None:
                self._report(view_id, ViewPhase.refused, ViewCause.bad_offer, sentence)
            await view.connection.close(ViewCause.bad_offer, sentence)
            return
        if view_id not in self._views:  # ended meanwhile
            return
        loop = asyncio.get_running_loop()
        view.leave = self._watch(view.offer.stream, lambda shot: _later(loop, lambda: view.connection.give(shot)))
        self._report(view_id, ViewPhase.answered, sdp=answer)

    def _joined(self, view_id: UUID) -> None:
        view = self._views.get(view_id)
        if view is not None and not view.joined:
            view.joined = True
            self._report(view_id, ViewPhase.joined)

    def end(self, view_id: UUID, cause: ViewCause) -> None:
        """Ends one view; an unknown one is left alone. No picture leaves from here on."""
        view = self._views.pop(view_id, None)
        if view is None:
            return
        if view.leave is not None:
            view.leave()
        self._report(view_id, ViewPhase.ended, cause)
        self._do(view.connection.close(cause, SENTENCES[cause]))

    def end_all(self, cause: ViewCause) -> None:
        """Ends every view at once."""
        for view_id in list(self._views):
            self.end(view_id, cause)

    def lack(self, stream: Stream) -> None:
        """The camera gives no such stream: who watches it is told."""
        for view_id in [key for key, each in self._views.items() if each.offer.stream is stream]:
            self.end(view_id, ViewCause.no_stream)

    def turn(self, *, private: bool, paused: bool) -> None:
        """Obeys the switch and the pause, and ends what took too long. Call it several times a second."""
        self.private, self.paused = private, paused
        if private or paused:
            self.end_all(ViewCause.privacy if private else ViewCause.paused)
        now_ns = self._clock.monotonic_ns()
        for view_id, view in list(self._views.items()):
            if now_ns - view.began_ns > LONGEST_NS:
                self.end(view_id, ViewCause.time_over)
            elif not view.joined and now_ns - view.began_ns > JOIN_LIMIT_NS:
                self.end(view_id, ViewCause.never_joined)

    async def close(self) -> None:
        """Ends all and waits until every viewer was told."""
        self.end_all(ViewCause.stopped)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _do(self, deed: object) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(deed)  # type: ignore[call-overload]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _report(
        self, view_id: UUID, phase: ViewPhase, cause: ViewCause | None = None, sentence: str = "", *, sdp: str = ""
    ) -> None:
        report = ViewReport(
            view_id=view_id, phase=phase, cause=cause, sentence=sentence or (SENTENCES[cause] if cause else ""), sdp=sdp,
            at_utc_ns=self._clock.utc_ns(),
        )  # fmt: skip
        if phase is not ViewPhase.joined:  # a repeated offer wants the answer
            self._reports[view_id] = report
        while len(self._reports) > REPORTS_KEPT:
            self._reports.popitem(last=False)
        self._tell(report)


def _later(loop: asyncio.AbstractEventLoop, deed: Callable[[], None]) -> None:
    """From another thread; a loop that is over does no more."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(deed)
