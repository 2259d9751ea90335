"""A lane says which streams a file is for, and a file that is for all of them looks as it always did."""

from __future__ import annotations

import pytest

from shared.contract import read_contract
from shared.frame import RECORDED_STREAMS, Stream
from shared.lane import COLOUR_APART, TOGETHER, Lane
from shared.segment_records import SegmentHeader
from tests.edge_agent.ring_files import header_of


@pytest.mark.parametrize("lanes", [TOGETHER, COLOUR_APART])
def test_each_stream_belongs_into_exactly_one_file(lanes: tuple[Lane, ...]) -> None:
    for stream in Stream:
        assert sum(lane.holds(stream) for lane in lanes) == 1
    assert sorted(stream for lane in lanes for stream in lane.streams) == sorted(RECORDED_STREAMS)


def test_a_header_names_its_lane_only_where_the_file_is_not_whole() -> None:
    whole = header_of(1)
    assert "lane" not in whole.model_dump_json()
    colour = whole.model_copy(update={"lane": Lane.colour})
    assert read_contract(SegmentHeader, colour.model_dump_json()) == colour
    assert read_contract(SegmentHeader, whole.model_dump_json()).lane is Lane.whole
