"""The terminal tells people what flows, and spares them what does not matter."""

from __future__ import annotations

import json

import pytest

from cloud.demo.timeline import line_for

STAMP = {"timestamp": "2026-01-01T01:02:03.456789Z", "level": "info"}


def test_a_sealed_segment_is_told_with_its_size_and_ratio() -> None:
    raw = json.dumps({**STAMP, "event": "segment_sealed", "seconds": 10.0, "size_bytes": 120_400_000, "ratio": 2.17})
    line = line_for(raw, "bed-1")
    assert line is not None
    assert line.endswith("bed-1   recorded 10 s, 120.4 MB, 2.2 times smaller than raw")
    assert ":02:03.456" in line


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"event": "gap_recorded", "stream": "depth", "seconds": 2.5, "cause": "restart"}, True),
        ({"event": "gap_recorded", "stream": "ir", "seconds": 2.5, "cause": "restart"}, False),
        ({"event": "gap_recorded", "stream": "depth", "seconds": 0.1, "cause": "source"}, False),
        ({"event": "process_ended", "name": "recorder", "level": "warning"}, True),
        ({"event": "process_ended", "name": "recorder"}, False),
        ({"event": "something_internal"}, False),
        ({"event": "something_internal", "level": "error", "sentence": "The disk is full."}, True),
    ],
)
def test_only_what_people_care_about_is_told(fields: dict[str, object], told: bool) -> None:
    assert (line_for(json.dumps({**STAMP, **fields}), "bed-1") is not None) == told


@pytest.mark.parametrize("raw", ["", "not json", "[1]", "12", '{"event": "segment_sealed", "timestamp": "never"}'])
def test_no_line_whatever_breaks_the_terminal(raw: str) -> None:
    line_for(raw, "cloud")
