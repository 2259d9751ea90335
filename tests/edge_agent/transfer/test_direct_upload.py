"""Chunks that go to the object store itself: only to the one that the settings name, and its answers are not taken for more than they are."""

from __future__ import annotations

import random

import pytest
from fastapi import Response

from edge_agent.outbox.dead_letters import dead_letters, delivery_alarms
from shared.clip import CHUNK_BYTES
from tests.edge_agent.transfer.bed_side import Bed
from tests.edge_agent.transfer.cloud_app import CloudState


@pytest.fixture
def direct(bed: Bed, cloud: CloudState, port: int) -> Bed:
    """A bed whose chunks go to the store itself."""
    bed.store_origin = f"http://127.0.0.1:{port}"
    cloud.store_url = f"{bed.store_origin}/store"
    bed.connect(port)
    return bed


def test_chunks_go_to_the_store_directly_and_no_address_is_told(direct: Bed, cloud: CloudState) -> None:
    content = random.Random(4).randbytes(CHUNK_BYTES + 5)
    report = direct.clip([direct.proxy(content)])
    cloud.known.add(report.event_id)
    cloud.overrule("PUT /store", Response(status_code=503), Response(status_code=403))
    direct.run()
    assert [chunk for _, chunk in direct.sent] == [0, 1]
    assert list(cloud.stored.values()) == [content]
    assert direct.troubles.count("The store") == 2
    assert "signature" not in direct.troubles


@pytest.mark.parametrize("allowed", [None, "http://127.0.0.1:1", "https://store.example"])
def test_a_store_that_the_settings_do_not_name_gets_nothing_and_an_alarm_says_so(
    direct: Bed, cloud: CloudState, port: int, allowed: str | None
) -> None:
    direct.store_origin = allowed
    direct.connect(port)
    report = direct.clip([direct.proxy(b"one")])
    cloud.known.add(report.event_id)
    direct.run()
    assert (cloud.received_bytes, direct.done, direct.pins()) == (0, [], {report.event_id})
    assert "No clip leaves this bed" in delivery_alarms(direct.connection)[0]


def test_bytes_that_the_store_refuses_go_again_and_at_the_third_time_are_a_dead_letter(
    direct: Bed, cloud: CloudState
) -> None:
    report = direct.clip([direct.proxy(b"one")])
    cloud.known.add(report.event_id)
    cloud.overrule("PUT /store", *(Response("BadDigest", 400) for _ in range(3)))
    direct.run(tries=80, patience_s=300)
    assert direct.done == []
    assert "answered 400" in dead_letters(direct.connection)[0].reason
