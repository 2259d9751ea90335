"""Who may watch: any order of offers, hang-ups, switch and time keeps the bound, and each view ends once and is told so."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from uuid import UUID

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge_agent.live.encoder import Shot
from edge_agent.live.views import JOIN_LIMIT_NS, LONGEST_NS, Views
from edge_agent.settings import LiveSettings
from shared.clock import NS_PER_S
from shared.frame import Stream
from shared.ids import uuid7
from shared.live_view import LiveOffer, ViewCause, ViewPhase, ViewReport
from tests.edge_agent.hand_clock import HandClock
from tests.edge_agent.live.test_offer import OFFER

MOST = 2


class HeldConnection:
    """A connection that answers and joins when the test says so."""

    def __init__(self, joined: Callable[[], None], lost: Callable[[ViewCause], None]) -> None:
        self.join, self.lose = joined, lost
        self.open = True

    async def answer(self, offer: str) -> str:
        assert "candidate" not in offer
        return "v=0"

    def give(self, shot: Shot) -> None:
        raise AssertionError("there is no studio here")

    async def close(self, cause: ViewCause, sentence: str) -> None:
        assert sentence
        self.open = False


class Watching(RuleBasedStateMachine):
    """The whole life of a bed's live view, in a loop that moves only between the steps."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = HandClock()
        self.connections: list[HeldConnection] = []
        self.reports: list[ViewReport] = []
        self.watching = 0
        self.loop = asyncio.new_event_loop()
        self.private = self.paused = False
        self.offers: list[LiveOffer] = []
        live = LiveSettings(network="127.0.0.0/8", viewers=MOST)
        self.views = Views(live, self.clock, self.connect, self.watch, self.reports.append, lambda: True)
        self.turn()

    def connect(self, joined: Callable[[], None], lost: Callable[[ViewCause], None]) -> HeldConnection:
        self.connections.append(HeldConnection(joined, lost))
        return self.connections[-1]

    def watch(self, _stream: Stream, _give: Callable[[Shot], None]) -> Callable[[], None]:
        self.watching += 1

        def leave() -> None:
            self.watching -= 1

        return leave

    def turn(self) -> None:
        self.in_loop(lambda: self.views.turn(private=self.private, paused=self.paused))

    def in_loop(self, deed: Callable[[], None]) -> None:
        async def do() -> None:
            deed()
            for _ in range(5):
                await asyncio.sleep(0)

        self.loop.run_until_complete(do())

    @rule(stream=st.sampled_from([Stream.ir, Stream.depth]), seconds=st.sampled_from([-1, 60]))
    def offer(self, stream: Stream, seconds: int) -> None:
        expires_ns = self.clock.utc_ns() + seconds * NS_PER_S
        offer = LiveOffer(
            view_id=uuid7(self.clock.utc_ns()), viewer="a", stream=stream, sdp=OFFER, expires_utc_ns=expires_ns
        )
        self.offers.append(offer)
        self.in_loop(lambda: self.views.take(offer))

    @precondition(lambda self: self.offers)
    @rule(data=st.data())
    def offer_again(self, data: st.DataObject) -> None:
        offer, before = data.draw(st.sampled_from(self.offers)), len(self.connections)
        self.in_loop(lambda: self.views.take(offer))
        assert len(self.connections) == before, "a repeated offer makes no second view"

    @precondition(lambda self: self.offers)
    @rule(data=st.data())
    def hang_up(self, data: st.DataObject) -> None:
        offer = data.draw(st.sampled_from(self.offers))
        self.in_loop(lambda: self.views.end(offer.view_id, ViewCause.hung_up))

    @precondition(lambda self: any(each.open for each in self.connections))
    @rule(data=st.data(), lost=st.booleans())
    def join_or_lose(self, data: st.DataObject, lost: bool) -> None:
        connection = data.draw(st.sampled_from([each for each in self.connections if each.open]))
        self.in_loop((lambda: connection.lose(ViewCause.line_lost)) if lost else connection.join)

    @rule(private=st.booleans(), paused=st.booleans())
    def switch(self, private: bool, paused: bool) -> None:
        self.private, self.paused = private, paused
        self.turn()

    @rule(seconds=st.sampled_from([1, JOIN_LIMIT_NS // NS_PER_S + 1, LONGEST_NS // NS_PER_S + 1]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)
        self.turn()

    @invariant()
    def no_more_watch_than_may_and_none_in_private(self) -> None:
        open_now = [each for each in self.connections if each.open]
        assert len(open_now) == self.watching == len(self.views.health.viewers) <= MOST
        assert not (open_now and (self.private or self.paused))

    @invariant()
    def each_view_has_its_end_once_at_most_and_one_answer(self) -> None:
        ends: Counter[UUID] = Counter()
        answers: dict[UUID, set[str]] = {}
        for report in self.reports:
            if report.phase is ViewPhase.joined:
                assert report.view_id in answers
            if report.phase is ViewPhase.answered:
                answers.setdefault(report.view_id, set()).add(report.sdp)
            if report.phase is ViewPhase.ended:
                ends[report.view_id] = 1
        over = sum(not each.open for each in self.connections)
        assert len(ends) == over
        assert all(len(sdps) == 1 for sdps in answers.values())

    def teardown(self) -> None:
        self.loop.run_until_complete(self.views.close())
        self.loop.close()
        assert self.watching == 0


TestWatching = Watching.TestCase
TestWatching.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
