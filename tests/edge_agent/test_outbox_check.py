"""The check of what the bed owes the cloud names each planted fault, and nothing at a healthy bed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.clips.manifest import make_manifest
from edge_agent.clips.store import ClipStore
from edge_agent.database import open_database
from edge_agent.outbox.store import Outbox
from edge_agent.outbox_check import history_lines, outbox_faults
from shared.clock import NS_PER_S
from shared.errors import Broken
from shared.history_file import read_history
from shared.ids import uuid7
from shared.receipt import Receipt, ReceiptKind
from shared.reconciliation import MessageState
from tests.edge_agent.hand_clock import UTC_NS
from tests.edge_agent.outbox.reports import make_report
from tests.edge_agent.ring_files import make_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "bed")


@pytest.fixture
def connection(folder: Path) -> Iterator[sqlite3.Connection]:
    """A bed with one event delivered and stored, one refused, one waiting, one ready to be sent."""
    with closing(open_database(folder)) as opened:
        outbox, store = Outbox(opened, "north", "bed-4"), ClipStore(opened)
        reports = [make_report("closed", event_id=uuid7(UTC_NS + n * NS_PER_S)) for n in range(4)]
        for report in reports:
            outbox.record(report, UTC_NS)
        kinds = (ReceiptKind.stored, ReceiptKind.refused, None, ReceiptKind.stored)
        for sequence, (report, kind) in enumerate(zip(reports, kinds, strict=True), 1):
            if kind is not None:
                receipt = Receipt(
                    event_id=report.event_id, sequence=sequence, revision=report.revision, kind=kind, reason="no",
                    committed_utc_ns=UTC_NS,
                )  # fmt: skip
                outbox.receive(receipt, UTC_NS)
        for report in (reports[0], reports[3]):
            store.make_ready(make_manifest(opened, report, []))
        store.finish(reports[0].event_id, stored=True)
        yield opened


def test_a_healthy_bed_has_no_fault(folder: Path, connection: sqlite3.Connection) -> None:
    assert list(outbox_faults(folder)) == []


@pytest.mark.parametrize(
    ("planted", "sentence"),
    [
        ("DELETE FROM delivered WHERE sequence = 1", "message 1 is neither waiting, nor delivered"),
        ("DELETE FROM messages", "message 3 is neither"),
        ("DELETE FROM delivered WHERE sequence = 4", "message 4 is neither"),
        ("DELETE FROM dead_letters", "is dead and no dead letter says why"),
        ("DELETE FROM pins", "nothing holds its segments"),
        ("DELETE FROM messages", "was never told to the cloud and nothing waits"),
        ("DELETE FROM clips WHERE stage = 'recording'", "has no clip"),
        ("UPDATE counters SET value = value + 2 WHERE name = 'message_sequence'", "messages 5 to 6 are neither"),
    ],
)
def test_a_planted_fault_is_named(folder: Path, connection: sqlite3.Connection, planted: str, sentence: str) -> None:
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute(planted)
    found = list(outbox_faults(folder))
    assert any(sentence in fault for fault in found), found


@pytest.mark.parametrize("deed", ["given_up", "database_lost"])
def test_a_hole_that_a_deed_explains_is_no_fault(folder: Path, connection: sqlite3.Connection, deed: str) -> None:
    connection.execute("DELETE FROM delivered WHERE sequence = 1")
    connection.execute("INSERT INTO deeds (deed, event_id, reason, utc_ns) VALUES (?, '', 'x', 1)", (deed,))
    assert list(outbox_faults(folder)) == []


def test_the_history_names_every_number_and_what_became_of_it(
    folder: Path, connection: sqlite3.Connection, tmp_path: Path
) -> None:
    path = tmp_path / "history"
    path.write_text("\n".join(history_lines(folder, UTC_NS)) + "\n")
    head, pages = read_history(path)
    assert (head.site, head.bed) == ("north", "bed-4")
    states = {message.sequence: message.state for page in pages for message in page.messages}
    assert states == {
        1: MessageState.delivered, 2: MessageState.dead, 3: MessageState.waiting, 4: MessageState.delivered
    }  # fmt: skip


def test_damage_in_the_middle_of_the_database_is_one_sentence(folder: Path) -> None:
    with closing(open_database(folder)) as opened:
        outbox = Outbox(opened, "north", "bed-4")
        for n in range(200):
            outbox.record(make_report("closed", event_id=uuid7(UTC_NS + n * NS_PER_S)), UTC_NS)
        root = opened.execute("SELECT rootpage FROM sqlite_master WHERE name = 'clips'").fetchone()[0]
    path = folder / "edge.db"
    body = bytearray(path.read_bytes())
    body[4096 * (root - 1) : 4096 * root] = b"\xff" * 4096
    path.write_bytes(body)
    with pytest.raises(Broken, match="cannot be read"):
        list(outbox_faults(folder))
