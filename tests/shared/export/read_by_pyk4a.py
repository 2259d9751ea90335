"""Run by the Python of `.venv-kinect`: prints what the Azure Kinect SDK's playback reads of a file, as JSON."""

import json
import sys
import zlib
from typing import Any

from pyk4a import PyK4APlayback
from pyk4a.calibration import CalibrationType


def _crc(image: Any) -> int:
    return zlib.crc32(image.astype("<u2").tobytes())


def main(path: str) -> None:
    """Prints times, checksums, samples and the lens."""
    playback = PyK4APlayback(path)
    playback.open()
    found: dict[str, list[Any]] = {"depth": [], "ir": [], "colour": [], "imu": []}
    while True:
        try:
            capture = playback.get_next_capture()
        except EOFError:
            break
        if capture.depth is not None:
            found["depth"].append([capture.depth_timestamp_usec, _crc(capture.depth)])
        if capture.ir is not None:
            found["ir"].append([capture.ir_timestamp_usec, _crc(capture.ir)])
        if capture.color is not None:
            found["colour"].append([capture.color_timestamp_usec, zlib.crc32(capture.color.tobytes())])
    if playback.configuration["imu_track_enabled"]:
        found["imu"] = _samples(playback)
    found["matrix"] = playback.calibration.get_camera_matrix(CalibrationType.DEPTH).flatten().tolist()
    playback.close()
    sys.stdout.write(json.dumps(found))


def _samples(playback: Any) -> list[list[float]]:
    samples: list[list[float]] = []
    while True:
        try:
            sample = playback.get_next_imu_sample()
        except EOFError:
            return samples
        samples.append([sample["acc_timestamp"], *sample["acc_sample"], *sample["gyro_sample"]])


if __name__ == "__main__":
    main(sys.argv[1])
