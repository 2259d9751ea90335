"""A cloud in memory and a bed that sends to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.database import open_database
from edge_agent.ring.catalogue import SegmentRow
from tests.edge_agent.ring_files import add_segment, make_folder, make_frames
from tests.edge_agent.transfer.bed_side import Bed
from tests.edge_agent.transfer.cloud_app import CloudState, serve


@pytest.fixture
def cloud() -> CloudState:
    return CloudState()


@pytest.fixture
def port(cloud: CloudState) -> Iterator[int]:
    with serve(cloud) as served:
        yield served


@pytest.fixture
def bed(tmp_path: Path, port: int) -> Iterator[Bed]:
    folder = make_folder(tmp_path / "bed")
    with closing(open_database(folder)) as connection:
        yield Bed(folder, connection, port)


@pytest.fixture
def segment(bed: Bed) -> SegmentRow:
    return add_segment(bed.folder, bed.connection, make_frames(10, 12))
