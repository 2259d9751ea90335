"""The outbox under any order of reports, receipts, forgeries and restarts: no message lost, no number skipped or used twice."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from edge_agent.database import open_database
from edge_agent.outbox.store import Outbox, ReceiptOutcome
from shared.receipt import Receipt, ReceiptKind
from tests.edge_agent.outbox.reports import UTC_NS, make_report

LIMIT = 6
KINDS = st.sampled_from(["stored", "released", "refused"])


class OutboxMachine(RuleBasedStateMachine):
    """`promised` is the model: sequence number -> event of every message that has no receipt yet."""

    events = Bundle("events")

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.promised: dict[int, UUID] = {}
        self.revisions: dict[UUID, int] = {}
        self.closed: set[UUID] = set()
        self.released: set[UUID] = set()
        self.parked: list[UUID] = []
        self.numbers = 0
        self.open()

    def open(self) -> None:
        self.connection = open_database(self.folder)
        self.outbox = Outbox(self.connection, "north", "bed-4", limit=LIMIT)

    @rule(target=events)
    def open_event(self) -> UUID:
        report = make_report()
        full = len(self.promised) >= LIMIT
        sequence = self.outbox.record(report, UTC_NS)
        assert (sequence is None) == full
        if full:
            self.parked.append(report.event_id)
        self.keep(report.event_id, sequence, 0)
        return report.event_id

    @rule(event=events, phase=st.sampled_from(["updated", "closed"]))
    def go_on(self, event: UUID, phase: str) -> None:
        if event in self.closed:
            return
        revision = self.revisions[event] + 1
        pressed = len(self.promised) >= 0.8 * LIMIT
        own = [sequence for sequence, owner in self.promised.items() if owner == event]
        sequence = self.outbox.record(make_report(phase, revision, event), UTC_NS)
        if pressed and own:
            assert sequence == max(own)
        else:
            assert (sequence is None) == (pressed and (phase == "updated" or event in self.parked))
        if sequence is not None and event in self.parked:
            self.parked.remove(event)
        self.keep(event, sequence, revision)
        if phase == "closed":
            self.closed.add(event)

    @rule()
    def make_room(self) -> None:
        queued = self.outbox.queue_parked(UTC_NS)
        if len(self.promised) <= 0.5 * LIMIT:
            assert len(queued) == len(self.parked)
            for sequence, event in zip(queued, self.parked, strict=True):
                self.keep(event, sequence, self.revisions[event])
            self.parked = []
        else:
            assert queued == []

    def keep(self, event: UUID, sequence: int | None, revision: int) -> None:
        self.revisions[event] = revision
        if sequence is not None and sequence not in self.promised:
            self.numbers += 1
            assert sequence == self.numbers
            self.promised[sequence] = event

    @rule(sequence=st.integers(1, 40), kind=KINDS, forged=st.booleans())
    def hear_receipt(self, sequence: int, kind: str, forged: bool) -> None:
        owner = self.promised.get(sequence)
        named = make_report().event_id if forged or owner is None else owner
        receipt = Receipt(event_id=named, sequence=sequence, kind=ReceiptKind(kind), committed_utc_ns=UTC_NS)
        outcome = self.outbox.receive(receipt, UTC_NS)
        if owner is None:
            assert outcome is ReceiptOutcome.unknown
        elif forged:
            assert outcome is ReceiptOutcome.mismatched
        else:
            assert outcome is (ReceiptOutcome.dead if kind == "refused" else ReceiptOutcome.removed)
            del self.promised[sequence]
            if kind == "released":
                self.released.add(owner)

    @rule()
    def restart(self) -> None:
        self.connection.close()
        self.open()

    @invariant()
    def nothing_is_lost_or_invented(self) -> None:
        if hasattr(self, "outbox"):
            assert self.outbox.sequences_after(0) == sorted(self.promised)

    @invariant()
    def every_event_is_pinned_until_it_is_released(self) -> None:
        if hasattr(self, "outbox"):
            pinned = {UUID(row[0]) for row in self.connection.execute("SELECT event_id FROM pins")}
            assert pinned == set(self.revisions) - self.released

    def teardown(self) -> None:
        if hasattr(self, "connection"):
            self.connection.close()
            shutil.rmtree(self.folder)


TestOutboxMachine = OutboxMachine.TestCase
TestOutboxMachine.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
