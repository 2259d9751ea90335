"""Segments made of streams of images, for the tests of reader, chains and the plain reader."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from shared.codec.encoder import StreamEncoder
from shared.frame import Frame, Stream, Uint16Image
from shared.segment import SegmentWriter
from shared.segment_records import SegmentHeader
from tests.fakes.clock import BOOT
from tests.fakes.frame_source import camera_info

ImageStream = list[tuple[int, Uint16Image]]


def header_of(sequence: int = 7) -> SegmentHeader:
    """The header of some segment of some bed."""
    return SegmentHeader(
        segment_id=UUID("01990000-0000-7000-8000-000000000001"), site="north", bed="bed-4", boot_id=BOOT,
        sequence=sequence, stay_id=None, camera=camera_info(),
    )  # fmt: skip


def write_streams(path: Path, depth: ImageStream, ir: ImageStream, *, compiled: bool = True) -> SegmentWriter:
    """An open segment of the two streams, image by image in turn, not flushed."""
    writer = SegmentWriter(path, header_of())
    if not compiled:
        writer._encoders = {stream: StreamEncoder(compiled=False) for stream in (Stream.depth, Stream.ir)}
    for number in range(max(len(depth), len(ir))):
        for stream, images in ((Stream.depth, depth), (Stream.ir, ir)):
            if number < len(images):
                mono_ns, image = images[number]
                writer.add_image(stream, image, Frame(number, number, mono_ns, mono_ns + 5, None, None, None))
    return writer
