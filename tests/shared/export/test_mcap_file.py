"""An exported MCAP file is read by the MCAP library: indexed, with Foxglove's messages as Foxglove defines them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # type: ignore[import-untyped]
from mcap.reader import McapReader, make_reader

from shared.export.formats import ExportFormat, write_export
from shared.frame import Frame
from tests.shared.export.excerpts import CAMERA, HEIGHT, LENS, STAY, WIDTH, excerpt_of, make_frames


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    return make_frames(12, imu=True)


@pytest.fixture
def reader(tmp_path: Path, frames: list[Frame]) -> Iterator[McapReader]:
    path = tmp_path / "a.mcap"
    write_export(excerpt_of(tmp_path, frames[:5], frames[5:]), ExportFormat.mcap, path, lambda *_: None)
    with path.open("rb") as file:
        yield make_reader(file, validate_crcs=True)


def decoded(reader: McapReader, topic: str) -> Iterator[tuple[Any, Any]]:
    """The messages of a topic by the description in the file alone, each with its record."""
    for schema, _, message in reader.iter_messages(topics=[topic]):
        assert schema is not None
        if schema.encoding == "jsonschema":
            yield json.loads(message.data), message
            continue
        pool = descriptor_pool.DescriptorPool()
        for file in descriptor_pb2.FileDescriptorSet.FromString(schema.data).file:
            pool.Add(file)
        kind = message_factory.GetMessageClass(pool.FindMessageTypeByName(schema.name))
        yield kind.FromString(message.data), message


@pytest.mark.parametrize("stream", ["depth", "ir"])
def test_pictures_come_out_bit_by_bit(reader: McapReader, frames: list[Frame], stream: str) -> None:
    found = list(decoded(reader, f"/{stream}/image"))
    assert len(found) == len(frames)
    for (image, record), frame in zip(found, frames, strict=True):
        assert (image.width, image.height, image.step, image.encoding) == (WIDTH, HEIGHT, 2 * WIDTH, "mono16")
        pixels = np.frombuffer(image.data, "<u2").reshape(image.height, image.width)
        assert np.array_equal(pixels, getattr(frame, stream))
        assert image.timestamp.seconds * 10**9 + image.timestamp.nanos == frame.utc_ns
        assert (record.log_time, record.publish_time, record.sequence) == (frame.utc_ns, frame.device_ns, frame.index)


def test_colour_is_the_cameras_jpeg(reader: McapReader, frames: list[Frame]) -> None:
    found = [(image.data, image.format) for image, _ in decoded(reader, "/colour/image")]
    assert found == [(frame.colour, "jpeg") for frame in frames if frame.colour is not None]


def test_each_frame_has_its_three_clocks(reader: McapReader, frames: list[Frame]) -> None:
    assert [body for body, _ in decoded(reader, "/frames")] == [
        {"index": frame.index, "device_ns": frame.device_ns, "mono_ns": frame.mono_ns, "utc_ns": frame.utc_ns}
        for frame in frames
    ]


def test_the_lens_is_told_once(reader: McapReader) -> None:
    ((lens, _),) = decoded(reader, "/depth/calibration")
    assert (lens.width, lens.height, lens.distortion_model) == (WIDTH, HEIGHT, "rational_polynomial")
    assert list(lens.K) == pytest.approx([LENS.fx, 0, LENS.cx, 0, LENS.fy, LENS.cy, 0, 0, 1])


def test_samples_gaps_and_the_account_are_there(reader: McapReader, frames: list[Frame]) -> None:
    samples = [body for body, _ in decoded(reader, "/imu")]
    assert [sample["device_ns"] for sample in samples] == [
        sample.device_ns for frame in frames for sample in frame.imu if sample.mono_ns >= frames[0].mono_ns
    ]
    ((gap, _),) = decoded(reader, "/gaps")
    assert (gap["cause"], gap["missing_frames"]) == ("disk", 30)
    (metadata,) = list(reader.iter_metadata())
    assert metadata.metadata["stays"] == str(STAY)
    assert metadata.metadata["notice"].startswith("For research use")
    (attachment,) = list(reader.iter_attachments())
    assert json.loads(attachment.data) == CAMERA.calibration


def test_the_file_is_indexed(reader: McapReader, frames: list[Frame]) -> None:
    summary = reader.get_summary()
    assert summary is not None
    assert summary.statistics is not None
    assert len(summary.chunk_indexes) == summary.statistics.chunk_count > 1
    later = list(reader.iter_messages(topics=["/depth/image"], starting_at=frames[8].utc_ns))
    assert [message.sequence for _, _, message in later] == [8, 9, 10, 11]
