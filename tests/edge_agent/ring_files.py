"""Segments with small real images and previews in a bed's folder, sealed and catalogued, for tests that read the ring."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np

from edge_agent.ring.catalogue import SegmentRow, insert_segment, next_sequence
from edge_agent.ring.folder import prepare_folder
from shared.clock import NS_PER_S
from shared.frame import CameraInfo, Frame
from shared.ids import uuid7
from shared.lane import Lane
from shared.preview import Preview, preview_of
from shared.segment import SegmentWriter
from shared.segment_records import SegmentHeader
from tests.edge_agent.hand_clock import BOOT, UTC_NS

WIDTH, HEIGHT = 257, 213
COLOUR_WIDTH, COLOUR_HEIGHT = 1920, 1080


def make_folder(folder: Path) -> Path:
    """A bed's folder with all its parts."""
    prepare_folder(folder, "north", "bed-4")
    return folder


def jpeg_of(value: int) -> bytes:
    """A 1920 x 1080 colour image of one tone, as a camera would give it."""
    encoder = cast("av.VideoCodecContext", av.CodecContext.create("mjpeg", "w"))
    encoder.width, encoder.height, encoder.pix_fmt = COLOUR_WIDTH, COLOUR_HEIGHT, "yuvj420p"
    encoder.time_base = Fraction(1, 30)
    pixels = np.full((COLOUR_HEIGHT, COLOUR_WIDTH, 3), value, np.uint8)
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuvj420p")
    return bytes(encoder.encode(frame)[0])


def make_frames(
    start_s: float, end_s: float, *, per_s: float = 30.0, colour_every: int = 3, colour: bytes | None = None
) -> Iterable[Frame]:
    """Frames at a steady rate with a moving square before a wall; the first at start_s, all before end_s."""
    for index in range(round((end_s - start_s) * per_s)):
        mono_ns = round((start_s + index / per_s) * NS_PER_S)
        depth = np.full((HEIGHT, WIDTH), 2500, np.uint16)
        depth[:40, :40] = 0
        ir = np.full((HEIGHT, WIDTH), 900, np.uint16)
        at = index % 100
        depth[80:120, at : at + 60] = 1200
        ir[80:120, at : at + 60] = 20_000
        image = colour if index % colour_every == 0 else None
        yield Frame(index, mono_ns, mono_ns, UTC_NS + mono_ns, depth, ir, image)


def header_of(sequence: int, boot_id: str = BOOT, lane: Lane = Lane.whole) -> SegmentHeader:
    """The header of a segment of bed 4 of the site north."""
    camera = CameraInfo(source="simulator", make="test", depth_width=WIDTH, depth_height=HEIGHT, frames_per_s=30)
    return SegmentHeader(
        segment_id=uuid7(UTC_NS),
        site="north",
        bed="bed-4",
        boot_id=boot_id,
        sequence=sequence,
        stay_id=None,
        camera=camera,
        lane=lane,
    )


def add_segment(
    folder: Path,
    connection: sqlite3.Connection,
    frames: Iterable[Frame] = (),
    previews: Iterable[Preview] = (),
    boot_id: str = BOOT,
    lane: Lane = Lane.whole,
) -> SegmentRow:
    """Writes, seals and catalogues one segment that holds these."""
    sequence = next_sequence(connection)
    writer = SegmentWriter(folder / "open" / f"{sequence}.part", header_of(sequence, boot_id, lane))
    times = []
    for frame in frames:
        writer.add_frame(frame)
        times.append(frame.mono_ns)
    for preview in previews:
        writer.add_preview(preview)
        times.append(preview.mono_ns)
    counts = writer.contents.counts()
    sealed = writer.seal(folder / "segments")
    row = SegmentRow(
        sha256=sealed.sha256,
        segment_id=writer.header.segment_id,
        sequence=sequence,
        boot_id=boot_id,
        stay_id=None,
        start_mono_ns=min(times),
        end_mono_ns=max(times) + NS_PER_S // 30,
        start_utc_ns=UTC_NS + min(times),
        end_utc_ns=UTC_NS + max(times),
        size_bytes=sealed.size_bytes,
        frames=counts,
        file=f"{sealed.sha256}.seg",
        lane=lane,
    )
    insert_segment(connection, row)
    return row


def preview_at(mono_ns: int, frame: Frame, index: int = 0) -> Preview:
    """The preview of a frame."""
    ir, depth = preview_of(frame.depth, frame.ir)
    return Preview(index, mono_ns, UTC_NS + mono_ns, ir, depth)


def add_pair(folder: Path, connection: sqlite3.Connection, frames: Iterable[Frame]) -> tuple[SegmentRow, SegmentRow]:
    """One segment in two files, as the recorder makes them: colour, then the rest."""
    kept = list(frames)
    colour = add_segment(
        folder, connection, [replace(each, depth=None, ir=None) for each in kept if each.colour], lane=Lane.colour
    )
    rest = add_segment(folder, connection, [replace(each, colour=None) for each in kept], lane=Lane.without_colour)
    return colour, rest
