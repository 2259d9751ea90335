"""One bed's share of the cloud: what is over is told to wait, and the others do not feel it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud.devices import limits
from cloud.devices.limits import BURST_S, BedLimits
from cloud.problems import HttpProblem
from cloud.settings import BedsSection
from shared.clock import NS_PER_S


class Clock:
    now_ns = 0


def make(clock: Clock, requests_per_s: float = 1e5, bytes_per_s: int = 0, chunks_at_once: int = 4) -> BedLimits:
    unused = Path("unused")
    section = BedsSection(
        certificate_file=unused, key_file=unused, ca_file=unused, requests_per_s=requests_per_s,
        bytes_per_s=bytes_per_s, chunks_at_once=chunks_at_once,
    )  # fmt: skip
    return BedLimits(section, lambda: clock.now_ns)


def test_requests_over_the_rate_wait_and_other_beds_do_not() -> None:
    clock = Clock()
    found = make(clock, requests_per_s=2)
    for _ in range(round(2 * BURST_S)):
        found.request("north.bed-1")
    with pytest.raises(HttpProblem) as told:
        found.request("north.bed-1")
    assert (told.value.status, told.value.retry_after_s) == (429, 1)
    found.request("north.bed-2")
    clock.now_ns += NS_PER_S
    found.request("north.bed-1")


def test_over_a_long_time_no_more_bytes_go_than_the_rate_and_whoever_obeys_is_served() -> None:
    clock, sent, chunk = Clock(), 0, 16_777_216
    found = make(clock, bytes_per_s=1_000_000)
    while clock.now_ns < 3_600 * NS_PER_S:
        try:
            found.take("north.bed-1", chunk)
            sent += chunk
        except HttpProblem as told:
            assert told.retry_after_s is not None
            clock.now_ns += told.retry_after_s * NS_PER_S
    assert 0.95 * 3.6e9 <= sent <= 3.6e9 + BURST_S * 1e6 + chunk


def test_without_a_rate_of_bytes_there_is_none() -> None:
    found = make(Clock())
    for _ in range(1_000):
        found.take("north.bed-1", 10**9)


def test_a_bed_sends_so_many_chunks_at_a_time_and_a_broken_one_counts_no_more() -> None:
    found = make(Clock(), chunks_at_once=2)
    with found.chunk("north.bed-1"), found.chunk("north.bed-1"):
        with pytest.raises(HttpProblem, match="2 chunks at a time"), found.chunk("north.bed-1"):
            pass
        with found.chunk("north.bed-2"):
            pass
    with pytest.raises(OSError, match="cut"), found.chunk("north.bed-1"):
        raise OSError("cut")
    with found.chunk("north.bed-1"), found.chunk("north.bed-1"):
        pass


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BEDS_REMEMBERED", 10)
    found = make(Clock())
    for number in range(100):
        found.request(f"north.bed-{number}")
    assert len(found._beds) == 10
