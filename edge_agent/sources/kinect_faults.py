"""What the Azure Kinect SDK says in its log when something fails, as one sentence with the remedy.

The Python module raises errors without a word; the reason is only in the log. The patterns are the SDK's own messages (1.4.2).
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from shared.errors import DeepEpilError, Refused, Transient

MOST_LOG_BYTES = 64 * 1024
TRIM_AT_BYTES = 4 * 1024 * 1024

_FAULTS: tuple[tuple[str, type[DeepEpilError], str], ...] = (
    (
        r"[Dd]epth engine create and initialize failed with error code: 204", Transient,
        "The depth engine of the Azure Kinect found no display (error 204): give the agent an X server, "
        "for example start it by `xvfb-run -a`, or set DISPLAY.",
    ),
    (
        r"Failed to load depth engine plugin|Failed to Load Depth Engine Plugin", Refused,
        "The depth engine of the Azure Kinect (libdepthengine) cannot be loaded: install the pinned requirements again.",
    ),
    (
        r"[Dd]epth engine create and initialize failed with error code: (\d+)", Transient,
        "The depth engine of the Azure Kinect did not start (error {0}).",
    ),
    (
        r"Firmware version for (\S+) is ([\d.]+) is not current enough\. Use ([\d.]+)", Refused,
        "The camera's firmware {0} {1} is too old for this SDK: update it to {2} or newer.",
    ),
    (
        r"presence of sync in cable", Transient,
        'The camera is set to sync = "subordinate", but no cable is in its sync-in jack.',
    ),
    (
        r"presence of sync out cable", Transient,
        'The camera is set to sync = "master", but no cable is in its sync-out jack.',
    ),
    (r"combination of color_resolution|does not support the configured camera_fps", Refused,
     "The camera does not support this combination of colour_mode, depth_mode and frames_per_s."),
    (
        r"LIBUSB_ERROR_ACCESS|Access denied", Transient,
        "The camera is connected, but this user may not open it: install the udev rules of the Azure Kinect.",
    ),
    (
        r"LIBUSB_ERROR_NO_DEVICE|No such device|disconnected", Transient,
        "The camera was unplugged or lost its power.",
    ),
    (
        r"streaming (depth|color|IMU) transfer failed", Transient,
        "The camera stopped sending {0} data: look at its cable, its power and the USB controller.",
    ),
    (
        r"libusb device\(s\) are all unavalable|LIBUSB_ERROR_BUSY|Resource busy", Transient,
        "The camera cannot be opened: another program uses it, or this user may not (udev rules of the Azure Kinect).",
    ),
)  # fmt: skip


def explain(log: str, otherwise: str) -> DeepEpilError:
    """The error of the first known message in the SDK's log; `otherwise` is the sentence when there is none."""
    last = next((line for line in reversed(log.splitlines()) if "[error]" in line or "[critical]" in line), "")
    for pattern, family, sentence in _FAULTS:
        found = re.search(pattern, log)
        if found:
            return family(sentence.format(*found.groups()), sdk=last[-300:])
    return Transient(otherwise, sdk=last[-300:])


class SdkLog:
    """The SDK's log as a file of its own, so that it stays off our standard output and can be read. Bounded by trimming.

    Must be made before the library is loaded: the SDK reads its environment once.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="deepepil-kinect-")
        self._path = Path(self._folder.name) / "sdk.log"
        os.environ["K4A_ENABLE_LOG_TO_A_FILE"] = str(self._path)
        os.environ["K4A_LOG_LEVEL"] = "w"
        self._mark = 0

    def mark(self) -> None:
        """What is said from now on counts for the next `said`."""
        self._mark = self._path.stat().st_size if self._path.exists() else 0

    def trim(self) -> None:
        """Empties the file when it grew above 4 MiB; call it now and then while the library runs."""
        if self._path.exists() and self._path.stat().st_size > TRIM_AT_BYTES:
            os.truncate(self._path, 0)
            self._mark = 0

    def said(self) -> str:
        """What the SDK said since the mark: the last 64 KiB of it."""
        if not self._path.exists():
            return ""
        size = self._path.stat().st_size
        with self._path.open("rb") as file:
            file.seek(max(self._mark if self._mark <= size else 0, size - MOST_LOG_BYTES))
            return file.read(MOST_LOG_BYTES).decode("utf-8", "replace")
