"""Recordings of every kind that Microsoft's recorder makes, built element by element: modes, colour codings, tags, inertial samples, faults."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from shared.frame import Stream, Uint16Image
from tests.fakes.recordings import CALIBRATION, element, number

TITLES = {Stream.colour: "COLOR", Stream.depth: "DEPTH", Stream.ir: "IR"}
UIDS = {"COLOR": 1001, "DEPTH": 1002, "IR": 1003, "IMU": 1004}
CALIBRATION_UID = 77
UNKNOWN = b"\x01" + b"\xff" * 7
CLUSTER = 0x1F43B675


def image(seed: int, width: int, height: int) -> Uint16Image:
    """Noise of 16 bits, the same for the same seed."""
    return np.random.default_rng(seed).integers(0, 65536, (height, width)).astype(np.uint16)


def imu_sample(time_us: int, value: float = 0.5) -> bytes:
    """40 bytes as the recorder writes them."""
    return struct.pack("<Q3fQ3f", time_us * 1000, value, -9.75, 0.25, time_us * 1000, 0.125, value, -0.5)


def unknown_size(name: int, body: bytes) -> bytes:
    """An element without a length, as a recorder leaves it when it is killed."""
    return name.to_bytes((name.bit_length() + 7) // 8, "big") + UNKNOWN + body


@dataclass
class KinectRecording:
    """What is in the file; `write` makes it. Times of blocks are µs, as the recorder has them."""

    width: int = 128
    height: int = 106
    colour: bytes | None = b"MJPG"
    colour_width: int = 64
    colour_height: int = 48
    depth: bool = True
    ir: bool = True
    imu: bool = False
    frames_per_s: int = 30
    tags: dict[str, str] = field(default_factory=dict)
    calibration: bytes = json.dumps(CALIBRATION).encode()
    depth_fourcc: bytes = b"b16g"
    blocks: list[tuple[str, int, bytes]] = field(default_factory=list)

    def add(self, stream: Stream, time_us: int, data: bytes | Uint16Image) -> None:
        """One image at that time."""
        body = data if isinstance(data, bytes) else data.astype(">u2").tobytes()
        self.blocks.append((TITLES[stream], time_us, body))

    def add_imu(self, time_us: int, data: bytes) -> None:
        self.blocks.append(("IMU", time_us, data))

    def titles(self) -> list[str]:
        """The tracks, in the order of their numbers from 1."""
        wanted = {"COLOR": self.colour, "DEPTH": self.depth, "IR": self.ir, "IMU": self.imu}
        return [title for title, there in wanted.items() if there]

    def write(self, path: Path, *, clusters: list[bytes] | None = None, segment_size: bytes | None = None) -> Path:
        """The file; `clusters` in place of its own, for faults."""
        body = self.head() + b"".join(self.clusters() if clusters is None else clusters)
        head = (
            number(0x4286, 1) + number(0x42F7, 1) + number(0x42F2, 4) + number(0x42F3, 8) + element(0x4282, b"matroska")
        )
        ebml = element(0x1A45DFA3, head + number(0x4287, 2) + number(0x4285, 2))
        segment = element(0x18538067, body)
        if segment_size is not None:
            segment = segment[:4] + segment_size + body
        path.write_bytes(ebml + segment)
        return path

    def head(self) -> bytes:
        """All before the first cluster."""
        info = element(0x1549A966, number(0x2AD7B1, 1000) + element(0x7BA9, b"Azure Kinect"))
        tracks = b"".join(self._track(at, title) for at, title in enumerate(self.titles(), 1))
        attached = element(0x466E, b"calibration.json") + element(0x4660, b"application/octet-stream")
        attachment = element(0x61A7, attached + element(0x465C, self.calibration) + number(0x46AE, CALIBRATION_UID))
        void = element(0xEC, b"")  # the SDK takes the offset 0 for none, so something must lie before the info
        return (
            void
            + info
            + element(0x1654AE6B, tracks)
            + element(0x1254C367, self._tags())
            + element(0x1941A469, attachment)
        )

    def clusters(self) -> list[bytes]:
        """One cluster a block, in the order in which they were added."""
        return [self.cluster(title, time_us, data) for title, time_us, data in self.blocks]

    def one_cluster(self) -> bytes:
        """All blocks at the time of the first, in one cluster: what the SDK's own playback reads as a capture."""
        simple = (
            element(0xA3, bytes([0x80 | self.titles().index(title) + 1, 0, 0, 0]) + data)
            for title, _, data in self.blocks
        )
        return element(CLUSTER, number(0xE7, self.blocks[0][1]) + b"".join(simple))

    def cluster(self, title: str, time_us: int, data: bytes, *, lacing: int = 0, grouped: bool = False) -> bytes:
        """A cluster of one block; grouped: as a block group, as the recorder writes inertial samples."""
        head = bytes([0x80 | self.titles().index(title) + 1, 0, 0, lacing << 1])
        block = element(0xA0, element(0xA1, head + data) + number(0x9B, 1)) if grouped else element(0xA3, head + data)
        return element(CLUSTER, number(0xE7, time_us) + block)

    def _track(self, at: int, title: str) -> bytes:
        common = number(0xD7, at) + number(0x73C5, UIDS[title]) + element(0x536E, title.encode())
        if title == "IMU":
            return element(0xAE, common + number(0x83, 17) + element(0x86, b"S_K4A/IMU"))
        colour = title == "COLOR"
        width, height = (self.colour_width, self.colour_height) if colour else (self.width, self.height)
        fourcc = (self.colour or b"") if colour else self.depth_fourcc
        bits = {b"MJPG": 24, b"NV12": 12, b"YUY2": 16, b"BGRA": 32}.get(fourcc, 16)
        bitmap = struct.pack(
            "<IiiHH4sIiiII", 40, width, height, 1, bits, fourcc, width * height * bits // 8, 0, 0, 0, 0
        )
        video = number(0xB0, width) + number(0xBA, height)
        return element(
            0xAE,
            common + number(0x83, 1) + element(0x86, b"V_MS/VFW/FOURCC") + element(0x63A2, bitmap)
            + number(0x23E383, 1_000_000_000 // self.frames_per_s) + element(0xE0, video),
        )  # fmt: skip

    def _tags(self) -> bytes:
        tags = [_tag(name, value) for name, value in self.tags.items()]
        tags += [_tag(f"K4A_{title}_TRACK", str(UIDS[title]), 0x63C5, UIDS[title]) for title in self.titles()]
        tags.append(_tag("K4A_CALIBRATION_FILE", "calibration.json", 0x63C6, CALIBRATION_UID))
        return b"".join(tags)


def _tag(name: str, value: str, target: int = 0, uid: int = 0) -> bytes:
    targets = element(0x63C0, number(target, uid) if target else b"")
    simple = element(0x45A3, name.encode()) + element(0x4487, value.encode())
    return element(0x7373, targets + element(0x67C8, simple))
