"""Logs are JSON lines with past-tense events; what names a patient never reaches them."""

from __future__ import annotations

import io
import json
import logging

import pytest
import structlog

from shared.logs import FORBIDDEN_FIELDS, set_up_logs


@pytest.fixture
def lines() -> io.StringIO:
    stream = io.StringIO()
    set_up_logs("deepepil-edge", "recorder", stream=stream, bed="bed-1")
    return stream


def test_an_event_is_one_json_line_with_its_process_and_fields(lines: io.StringIO) -> None:
    structlog.get_logger().info("segment_sealed", size_bytes=12)
    logged = json.loads(lines.getvalue())
    assert logged["event"] == "segment_sealed"
    assert (logged["process"], logged["bed"], logged["size_bytes"]) == ("recorder", "bed-1", 12)
    assert logged["timestamp"].endswith("Z")


def test_a_library_log_is_a_json_line_too(lines: io.StringIO) -> None:
    logging.getLogger("some.library").warning("odd %s", "thing")
    logged = json.loads(lines.getvalue())
    assert (logged["event"], logged["level"]) == ("odd thing", "warning")


@pytest.mark.parametrize("field", sorted(FORBIDDEN_FIELDS))
def test_a_field_that_could_name_a_patient_is_blanked(lines: io.StringIO, field: str) -> None:
    structlog.get_logger().info("stay_admitted", **{field: "Marker Name"})
    assert "Marker Name" not in lines.getvalue()
