"""What the Azure Kinect SDK calls things in a recording: modes by picture size, tags, the bitmap header of a track.

Facts: Azure-Kinect-Sensor-SDK, src/record (record.cpp, matroska_write.cpp, matroska_read.cpp), version 1.4.1.
"""

from __future__ import annotations

import struct

from shared.export.excerpt import ExportSummary
from shared.frame import CameraInfo, Stream

TRACK_NAMES = {Stream.colour: "COLOR", Stream.depth: "DEPTH", Stream.ir: "IR"}
IMU_NAME = "IMU"
TITLE = "Azure Kinect"
CALIBRATION_FILE = "calibration.json"
DEPTH_MODES = {
    (320, 288): "NFOV_2X2BINNED", (640, 576): "NFOV_UNBINNED", (512, 512): "WFOV_2X2BINNED",
    (1024, 1024): "WFOV_UNBINNED",
}  # fmt: skip
RATES = (5, 15, 30)
_CAMERA_TAGS = (
    "K4A_DEPTH_DELAY_NS", "K4A_WIRED_SYNC_MODE", "K4A_SUBORDINATE_DELAY_NS", "K4A_COLOR_FIRMWARE_VERSION",
    "K4A_DEPTH_FIRMWARE_VERSION", "K4A_DEVICE_SERIAL_NUMBER",
)  # fmt: skip
_BITMAP = struct.Struct("<IiiHH4sIiiII")


def depth_mode(camera: CameraInfo, streams: tuple[Stream, ...]) -> str | None:
    """The SDK's name of the depth mode by the size of the pictures; None for a size that no Azure Kinect has."""
    size = (camera.depth_width, camera.depth_height)
    if size == (1024, 1024) and Stream.depth not in streams:
        return "PASSIVE_IR"
    return DEPTH_MODES.get(size)


def frame_period_ns(camera: CameraInfo) -> int:
    """The period as the SDK writes it: whole nanoseconds of 5, 15 or 30 frames a second when the camera is that fast."""
    nearest = min(RATES, key=lambda rate: abs(rate - camera.frames_per_s))
    fits = abs(nearest - camera.frames_per_s) < nearest / 100
    return 1_000_000_000 // nearest if fits else round(1_000_000_000 / camera.frames_per_s)


def obstacle(camera: CameraInfo, streams: tuple[Stream, ...]) -> str | None:
    """Why the Azure Kinect SDK or pyk4a will not play the recording, in a sentence; None when they will."""
    if depth_mode(camera, streams) is None:
        return f"The Azure Kinect SDK opens no recording of {camera.depth_width}x{camera.depth_height} pixels; other programs do."
    if 1_000_000_000 // frame_period_ns(camera) not in RATES:
        return f"The Azure Kinect SDK opens no recording of {camera.frames_per_s:g} frames a second; other programs do."
    if not camera.calibration:
        return "The recording has no calibration: pyk4a gives no pictures of it; other programs do."
    return None


def bitmap_header(camera: CameraInfo, stream: Stream) -> bytes:
    """BITMAPINFOHEADER of a track: MJPG colour of unknown length, or b16g: 16-bit grey, big-endian."""
    if stream is Stream.colour:
        return _BITMAP.pack(40, camera.colour_width, camera.colour_height, 0, 24, b"MJPG", 0, 0, 0, 0, 0)
    width, height = camera.depth_width, camera.depth_height
    return _BITMAP.pack(40, width, height, 0, 16, b"b16g", 2 * width * height, 0, 0, 0, 0)


def track_tags(camera: CameraInfo, streams: tuple[Stream, ...], stream: Stream, uid: int) -> dict[str, str]:
    """Tags whose target is the track."""
    name = TRACK_NAMES[stream]
    found = {f"K4A_{name}_TRACK": str(uid)}
    mode = depth_mode(camera, streams)
    if stream is Stream.colour:
        found["K4A_COLOR_MODE"] = f"MJPG_{camera.colour_height}P"
    elif stream is Stream.ir:
        found["K4A_IR_MODE"] = "PASSIVE" if mode == "PASSIVE_IR" else "ACTIVE"
    if mode is not None and (stream is Stream.depth or (stream is Stream.ir and Stream.depth not in streams)):
        found["K4A_DEPTH_MODE"] = mode
    return found


def file_tags(summary: ExportSummary, offset_us: int, restarts: int) -> dict[str, str]:
    """Tags of the whole file: the SDK's own, then ours. A patient is named by nothing but the stay's id."""
    own = {name: value for name, value in summary.camera.tags.items() if name in _CAMERA_TAGS}
    found = {
        "K4A_DEPTH_DELAY_NS": "0",
        "K4A_WIRED_SYNC_MODE": "STANDALONE",
        **own,
        "K4A_START_OFFSET_NS": str(offset_us * 1000),
        "DEEPEPIL_NOTICE": summary.notice,
        "DEEPEPIL_SITE": summary.site,
        "DEEPEPIL_BED": summary.bed,
        "DEEPEPIL_STAYS": " ".join(str(stay) for stay in summary.stay_ids),
        "DEEPEPIL_CLOCK_RESTARTS": str(restarts),
        "DEEPEPIL_EXPORT": summary.model_dump_json(exclude={"camera", "gaps"}),
    }
    return {name: value for name, value in found.items() if value}
