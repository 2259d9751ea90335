"""A folder for NumPy: depth.npy and ir.npy that can be mapped into memory, one table of times, colour as JPEG files."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import IO, BinaryIO, cast

import numpy as np

from shared.export.excerpt import ExportSummary
from shared.frame import Stream, Uint16Image
from shared.gap import Gap
from shared.imu import ImuSample
from shared.segment_records import SegmentHeader, StreamImage

HEAD_BYTES = 512
"""Room for a .npy head of any count; NumPy pads its own in the same way."""
SUMMARY_FILE = "export.json"
TIMES = np.dtype(
    [("index", "<i8"), ("device_ns", "<i8"), ("mono_ns", "<i8"), ("utc_ns", "<i8"), ("depth", "<i8"), ("ir", "<i8"), ("colour", "<i8")]
)  # fmt: skip
IMU = np.dtype(
    [("device_ns", "<i8"), ("mono_ns", "<i8"), ("acceleration_m_s2", "<f4", 3), ("rotation_rad_s", "<f4", 3), ("temperature_c", "<f4")]
)  # fmt: skip
_README = """DeepEpil export, NumPy. {notice}

depth.npy         uint16 (N, H, W), millimetres, 0 where the camera has no reading
ir.npy            uint16 (N, H, W), active infrared
colour/NNNNNN.jpg the camera's own JPEG bytes, unchanged
times.npy         one row a frame: index (the source's count), device_ns (camera's clock), mono_ns (bed's monotonic clock),
                  utc_ns (bed's wall clock); depth, ir, colour say which picture is the frame's, -1 where it has none
imu.npy           one row a sample of the inertial unit, where the camera has one
calibration.json  the camera's own calibration, unchanged; empty where it gave none
gaps.json         every span of missing frames that touches this export, with its cause
README.txt        this page
export.json       what this export holds, its span, the segments it was cut from and how their clocks ran

np.load("depth.npy", mmap_mode="r") reads a picture at a time. The span is half-open: a frame belongs to it by its mono_ns.
Bed {bed} of site {site}; stays: {stays}.
"""


class RowsFile:
    """A .npy file that grows: rows of one type and shape are appended, their count is written by `close`."""

    def __init__(self, path: Path, dtype: np.dtype[np.void] | np.dtype[np.uint16], shape: tuple[int, ...] = ()) -> None:
        self._dtype, self._shape, self.count = dtype, shape, 0
        self._file: BinaryIO = path.open("xb")
        self._file.write(b"\0" * HEAD_BYTES)

    def append(self, data: bytes) -> int:
        """Adds one row's bytes; returns its number. Raises OSError."""
        self._file.write(data)
        self.count += 1
        return self.count - 1

    def close(self) -> None:
        """Writes the head. Raises OSError."""
        self._file.seek(0)
        self._file.write(_head(self._dtype, (self.count, *self._shape)))
        self._file.close()


class NumpyFolder:
    """An ExportWriter into a folder that is empty. Holds one picture."""

    def __init__(self, folder: Path, gaps: Sequence[Gap]) -> None:
        self._folder, self._gaps = folder, gaps
        self._files: dict[Stream, RowsFile] = {}
        self._imu: RowsFile | None = None
        self._times = RowsFile(folder / "times.npy", TIMES)
        self._colours = 0
        self._row: dict[str, int] | None = None
        self._calibration: dict[str, object] = {}

    def begin(self, header: SegmentHeader, streams: tuple[Stream, ...], *, has_imu: bool) -> None:
        """Makes the files of the streams. Raises OSError."""
        camera = header.camera
        self._calibration = camera.calibration
        shape = (camera.depth_height, camera.depth_width)
        for stream in streams:
            if stream is Stream.colour:
                (self._folder / "colour").mkdir()
            else:
                self._files[stream] = RowsFile(self._folder / f"{stream.value}.npy", np.dtype("<u2"), shape)
        if has_imu:
            self._imu = RowsFile(self._folder / "imu.npy", IMU)

    def picture(self, picture: StreamImage, image: Uint16Image | bytes) -> None:
        """Raises OSError."""
        row = self._row
        if row is None or (row["index"], row["mono_ns"]) != (picture.index, picture.mono_ns):
            self._end_row()
            row = {
                "index": picture.index, "device_ns": picture.device_ns, "mono_ns": picture.mono_ns,
                "utc_ns": picture.utc_ns, "depth": -1, "ir": -1, "colour": -1,
            }  # fmt: skip
            self._row = row
        row[picture.stream.value] = self._keep(picture.stream, image)

    def imu(self, sample: ImuSample) -> None:
        """Raises OSError."""
        if self._imu is not None:
            values = (
                sample.device_ns,
                sample.mono_ns,
                sample.acceleration_m_s2,
                sample.rotation_rad_s,
                sample.temperature_c,
            )
            self._imu.append(np.array(values, IMU).tobytes())

    def finish(self, summary: ExportSummary) -> None:
        """Raises OSError."""
        self._end_row()
        for file in (*self._files.values(), self._times, *([self._imu] if self._imu else [])):
            file.close()
        stays = ", ".join(str(stay) for stay in summary.stay_ids) or "none"
        words = _README.format(notice=summary.notice, bed=summary.bed, site=summary.site, stays=stays)
        gaps = json.dumps([gap.model_dump(mode="json") for gap in self._gaps], indent=1)
        for name, text in {
            "README.txt": words, "gaps.json": gaps, SUMMARY_FILE: summary.model_dump_json(indent=1),
            "calibration.json": json.dumps(self._calibration, indent=1),
        }.items():  # fmt: skip
            (self._folder / name).write_text(text, encoding="utf-8")

    def _keep(self, stream: Stream, image: Uint16Image | bytes) -> int:
        if isinstance(image, bytes):
            (self._folder / "colour" / f"{self._colours:06d}.jpg").write_bytes(image)
            self._colours += 1
            return self._colours - 1
        return self._files[stream].append(_little(image))

    def _end_row(self) -> None:
        if self._row is not None:
            self._times.append(np.array(tuple(self._row.values()), TIMES).tobytes())
            self._row = None


def _little(image: Uint16Image) -> bytes:
    return image.astype("<u2", copy=False).tobytes()


def _head(dtype: np.dtype[np.void] | np.dtype[np.uint16], shape: tuple[int, ...]) -> bytes:
    """A .npy head of HEAD_BYTES for any count of rows: NumPy's own, its padding stretched."""
    buffer = BytesIO()
    described = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, described)
    plain = buffer.getvalue()
    text = plain[10:].rstrip()
    room = HEAD_BYTES - 10
    assert len(text) < room
    return plain[:8] + room.to_bytes(2, "little") + text.ljust(room - 1) + b"\n"


def zipped(folder: Path) -> Iterator[bytes]:
    """The folder as the bytes of a zip file that is not compressed, in pieces of at most 1 MiB; no copy is made on disk."""
    sink = _Pieces()
    with zipfile.ZipFile(cast("IO[bytes]", sink), "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            entry = zipfile.ZipInfo.from_file(path, path.relative_to(folder).as_posix())
            with (
                archive.open(entry, "w", force_zip64=path.stat().st_size >= 1 << 31) as target,
                path.open("rb") as file,
            ):
                while piece := file.read(1 << 20):
                    target.write(piece)
                    yield sink.take()
    yield sink.take()


class _Pieces:
    """Where zipfile writes to: a stream without places, emptied by whoever sends it on."""

    def __init__(self) -> None:
        self._held = bytearray()

    def write(self, data: bytes) -> int:
        self._held += data
        return len(data)

    def flush(self) -> None:
        """Nothing lies anywhere else."""

    def take(self) -> bytes:
        taken, self._held = bytes(self._held), bytearray()
        return taken
