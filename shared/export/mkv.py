"""Matroska as the Azure Kinect SDK's recorder writes it: opens in its viewer, in pyk4a, ffprobe and our own playback.

Clusters of at most 32 ms, one microsecond a unit, a cue a second. Cues and tags stand after the pictures, their places in
the seek head; lengths and places are filled in at the end, so the file must be seekable.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import BinaryIO

from shared.clock import utc_text
from shared.export import ebml, kinect, mkv_parts
from shared.export.excerpt import ExportSummary
from shared.export.mkv_parts import Attachment, Block, Tag, Track
from shared.export.timeline import Timeline
from shared.frame import CameraInfo, Stream, Uint16Image
from shared.gap import Gap
from shared.imu import ImuSample
from shared.segment_records import SegmentHeader, StreamImage

CLUSTER_US = 32_000
CUE_US = 1_000_000
MOST_LACED = 128
"""Inertial samples in one block at most; a block can count to 256."""
TIMES_NAME = "DEEPEPIL_TIMES"
GAPS_FILE = "gaps.json"
_CALIBRATION_UID, _GAPS_UID = 1, 2
_ORDER = (Stream.colour, Stream.depth, Stream.ir)
_IMU_SAMPLE = struct.Struct("<Q3fQ3f")


class MkvWriter:
    """An ExportWriter. Holds the pictures of one cluster, 32 ms."""

    def __init__(self, sink: BinaryIO, gaps: Sequence[Gap], start_utc_ns: int) -> None:
        self._sink, self._gaps, self._start_utc_ns = sink, gaps, start_utc_ns
        self._timeline = Timeline()
        self._streams: tuple[Stream, ...] = ()
        self._numbers: dict[str, int] = {}
        self._period_us = 0
        self._blocks: list[Block] = []
        self._samples: list[tuple[int, ImuSample]] = []
        self._cues: list[tuple[int, int, int]] = []
        self._places: dict[int, int] = {}
        self._zero = 0
        self._last_us = 0
        self._last_index: int | None = None
        self._title = ""

    def begin(self, header: SegmentHeader, streams: tuple[Stream, ...], *, has_imu: bool) -> None:
        """Writes all that stands before the pictures. Raises OSError."""
        camera = header.camera
        self._streams = tuple(stream for stream in _ORDER if stream in streams)
        self._title = camera.make
        self._timeline = Timeline(early_us=CLUSTER_US * 4 if has_imu else 0)
        self._period_us = kinect.frame_period_ns(camera) // mkv_parts.TIMESCALE_NS
        tracks = _tracks(camera, self._streams, has_imu=has_imu)
        self._numbers = {track.name: track.number for track in tracks}
        attached = _attachments(camera, self._gaps)
        self._places = dict.fromkeys(
            (mkv_parts.INFO, mkv_parts.TRACKS, mkv_parts.ATTACHMENTS, mkv_parts.CUES, mkv_parts.TAGS), 0
        )
        self._sink.write(mkv_parts.ebml_head())
        self._sink.write(ebml.head(mkv_parts.SEGMENT, 0, ebml.LONG_LENGTH))
        self._zero = self._sink.tell()
        self._sink.write(mkv_parts.seek_head(self._places))
        self._put(mkv_parts.INFO, mkv_parts.info(self._title, self._start_utc_ns, 0))
        self._put(mkv_parts.TRACKS, ebml.element(mkv_parts.TRACKS, *(track.entry() for track in tracks)))
        self._put(mkv_parts.ATTACHMENTS, ebml.element(mkv_parts.ATTACHMENTS, *(each.entry() for each in attached)))

    def picture(self, picture: StreamImage, image: Uint16Image | bytes) -> None:
        """Raises OSError."""
        self._end_samples()
        data = image if isinstance(image, bytes) else image.astype(">u2").tobytes()
        at_us = self._timeline.file_us(picture.device_ns, picture.mono_ns)
        self._add(Block(at_us, self._numbers[kinect.TRACK_NAMES[picture.stream]], data))
        if picture.index != self._last_index:
            self._last_index = picture.index
            words = f"{utc_text(picture.utc_ns)} index {picture.index} device_ns {picture.device_ns} mono_ns {picture.mono_ns} "
            line = f"{words}utc_ns {picture.utc_ns}".encode()
            self._add(Block(at_us, self._numbers[TIMES_NAME], line, self._period_us))

    def imu(self, sample: ImuSample) -> None:
        """Collects the samples between two pictures into one block. Raises OSError."""
        if kinect.IMU_NAME not in self._numbers:
            return
        at_us = self._timeline.file_us(sample.device_ns, sample.mono_ns)
        if self._samples and (len(self._samples) == MOST_LACED or not 0 <= at_us - self._samples[0][0] < CLUSTER_US):
            self._end_samples()
        self._samples.append((at_us, sample))

    def finish(self, summary: ExportSummary) -> None:
        """Writes the last cluster, cues and tags, then fills in duration, places and length. Raises OSError."""
        self._end_samples()
        self._end_cluster()
        self._put(mkv_parts.CUES, mkv_parts.cues(self._cues))
        self._put(mkv_parts.TAGS, ebml.element(mkv_parts.TAGS, *(tag.entry() for tag in self._tags(summary))))
        end = self._sink.tell()
        self._sink.seek(self._zero - ebml.LONG_LENGTH - 4)
        self._sink.write(ebml.head(mkv_parts.SEGMENT, end - self._zero, ebml.LONG_LENGTH))
        self._sink.write(mkv_parts.seek_head(self._places))
        self._sink.seek(self._zero + self._places[mkv_parts.INFO])
        self._sink.write(mkv_parts.info(self._title, self._start_utc_ns, self._last_us))
        self._sink.seek(end)

    def _put(self, name: int, part: bytes) -> None:
        self._places[name] = self._sink.tell() - self._zero
        self._sink.write(part)

    def _end_samples(self) -> None:
        if not self._samples:
            return
        start_us, end_us = self._samples[0][0], self._samples[-1][0]
        data = b"".join(
            _IMU_SAMPLE.pack(each.device_ns, *each.acceleration_m_s2, each.device_ns, *each.rotation_rad_s)
            for _, each in self._samples
        )
        block = Block(start_us, self._numbers[kinect.IMU_NAME], data, end_us - start_us + 1, len(self._samples))
        self._samples = []
        self._add(block)

    def _add(self, block: Block) -> None:
        times = [each.at_us for each in self._blocks]
        if times and (block.at_us - min(times) >= CLUSTER_US or max(times) - block.at_us >= CLUSTER_US):
            self._end_cluster()
        self._blocks.append(block)
        self._last_us = max(self._last_us, block.at_us)

    def _end_cluster(self) -> None:
        if not self._blocks:
            return
        pictures = [block for block in self._blocks if block.track <= len(self._streams)]
        place = self._sink.tell() - self._zero
        if pictures and (not self._cues or pictures[0].at_us - self._cues[-1][0] >= CUE_US):
            self._cues.append((pictures[0].at_us, pictures[0].track, place))
        self._sink.writelines(mkv_parts.cluster(self._blocks))
        self._blocks = []

    def _tags(self, summary: ExportSummary) -> list[Tag]:
        found = [
            Tag(name, value, track=self._numbers[kinect.TRACK_NAMES[stream]])
            for stream in self._streams
            for name, value in kinect.track_tags(
                summary.camera, self._streams, stream, self._numbers[kinect.TRACK_NAMES[stream]]
            ).items()
        ]
        if kinect.IMU_NAME in self._numbers:
            number = self._numbers[kinect.IMU_NAME]
            found += [Tag("K4A_IMU_TRACK", str(number), track=number), Tag("K4A_IMU_MODE", "ON", track=number)]
        if summary.camera.calibration:
            found.append(Tag("K4A_CALIBRATION_FILE", kinect.CALIBRATION_FILE, attachment=_CALIBRATION_UID))
        for_all = kinect.file_tags(summary, self._timeline.offset_us or 0, self._timeline.restarts)
        return found + [Tag(name, value) for name, value in for_all.items()]


def _tracks(camera: CameraInfo, streams: tuple[Stream, ...], *, has_imu: bool) -> list[Track]:
    """Colour, depth, IR as the SDK numbers them; then IMU; then the times of each frame as text."""
    period_ns = kinect.frame_period_ns(camera)
    sizes = dict.fromkeys(streams, (camera.depth_width, camera.depth_height))
    sizes[Stream.colour] = (camera.colour_width, camera.colour_height)
    found = [
        Track(
            number, kinect.TRACK_NAMES[stream], "V_MS/VFW/FOURCC", kinect.bitmap_header(camera, stream), sizes[stream],
            period_ns,
        )
        for number, stream in enumerate(streams, 1)
    ]  # fmt: skip
    if has_imu:
        found.append(Track(len(found) + 1, kinect.IMU_NAME, "S_K4A/IMU"))
    return [*found, Track(len(found) + 1, TIMES_NAME, "S_TEXT/UTF8")]


def _attachments(camera: CameraInfo, gaps: Sequence[Gap]) -> list[Attachment]:
    listed = json.dumps([gap.model_dump(mode="json") for gap in gaps]).encode()
    found = [Attachment(_GAPS_UID, GAPS_FILE, listed)]
    if camera.calibration:
        found.insert(0, Attachment(_CALIBRATION_UID, kinect.CALIBRATION_FILE, json.dumps(camera.calibration).encode()))
    return found
